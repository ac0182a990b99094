"""Fixtures of the client: one that asks the served ledger of the test."""

from collections.abc import Iterator

import pytest

from dateline import Client
from tests.stores import STORES_THAT_MATTER_LITTLE


@pytest.fixture(scope="session", params=STORES_THAT_MATTER_LITTLE)
def store(request: pytest.FixtureRequest) -> str:
    """Take SQLite; both kinds only if DATELINE_TEST_EVERYWHERE is true."""
    kind: str = request.param
    return kind


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """Ask the served ledger of the test."""
    with Client(url) as asking:
        yield asking
