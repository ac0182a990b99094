"""Fixtures of the served ledger."""

from collections.abc import Iterator

import pytest

from dateline import Ledger
from tests.api.serving import serving


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    """Serve the ledger of the test, without keys."""
    with serving(ledger) as address:
        yield address
