"""Fixtures of the client: one that asks the served ledger of the test."""

from collections.abc import Iterator

import pytest

from dateline import Client


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """Ask the served ledger of the test."""
    with Client(url) as asking:
        yield asking
