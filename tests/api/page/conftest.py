"""Fixtures of the page: the example in a ledger, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import dateline
from dateline import Ledger
from dateline.jsonl import import_file
from tests.api.page.browsers import chromium, tab
from tests.api.serving import serving
from tests.stores import STORES_THAT_MATTER_LITTLE

EXAMPLE = Path(__file__).parents[3] / "examples" / "dprk-troops-2024.jsonl"


@pytest.fixture(scope="session", params=STORES_THAT_MATTER_LITTLE)
def store(request: pytest.FixtureRequest) -> str:
    """Take SQLite; both kinds only if DATELINE_TEST_EVERYWHERE is true."""
    kind: str = request.param
    return kind


@pytest.fixture
def example(target: str) -> Iterator[Ledger]:
    """Fill a ledger with the example, recorded when it was."""
    with EXAMPLE.open("rb") as file:
        import_file(target, file, name=EXAMPLE.name, keep_recorded_at=True)
    with dateline.open(target) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser for a module: its event loop is in the way of others' loops."""
    with chromium() as found:
        yield found


@pytest.fixture
def served(example: Ledger) -> Iterator[str]:
    """Serve the example; yield the server's URL."""
    with serving(example) as url:
        yield url


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Open a tab on the example; no complaint, and no other host asked."""
    with tab(browser, served) as found:
        yield found
