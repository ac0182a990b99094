"""Fixtures of the tests of the fan-out, which asks little of the store."""

import pytest

from tests.stores import STORES_THAT_MATTER_LITTLE


@pytest.fixture(scope="session", params=STORES_THAT_MATTER_LITTLE)
def store(request: pytest.FixtureRequest) -> str:
    """Take SQLite; both kinds only if DATELINE_TEST_EVERYWHERE is true."""
    kind: str = request.param
    return kind
