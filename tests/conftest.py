"""Fixtures that several tests share: a real ledger, on each store, and its clock."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

import dateline
from dateline import Ledger
from tests.builders import Clock
from tests.services import IN_CI
from tests.stores import STORES, Places

# A run in the background of a shell ignores interrupts; its children must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "default")


@pytest.fixture
def clock() -> Clock:
    """Show noon of 2024-11-01 in UTC until it is set."""
    return Clock("2024-11-01T12:00:00Z")


@pytest.fixture(scope="session", params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Take each kind of store in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def places(store: str, tmp_path: Path) -> Iterator[Places]:
    """Name places for new ledgers."""
    with closing(Places(store, tmp_path)) as found:
        yield found


@pytest.fixture
def target(places: Places) -> str:
    """Name a place where no ledger is yet."""
    return places.new()


@pytest.fixture
def ledger(target: str, clock: Clock) -> Iterator[Ledger]:
    """Open a new ledger called "war", in UTC, by the clock above."""
    with dateline.open(target, title="war", clock=clock) as opened:
        yield opened
