"""Fixtures of the served ledger."""

from collections.abc import Iterator

import pytest

from dateline import Ledger
from tests.api.serving import serving
from tests.histories import History, Loss


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    """Serve the ledger of the test, without keys."""
    with serving(ledger) as address:
        yield address


@pytest.fixture
def history(ledger: Ledger) -> History:
    return History(ledger)


@pytest.fixture(params=["lose", "regrow"])
def loss(request: pytest.FixtureRequest) -> Loss:
    """Lose the last events, and grow again or not."""
    way: Loss = getattr(History, request.param)
    return way
