"""Fixtures that several tests share: a real ledger in a file, and its clock."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import dateline
from dateline import Ledger
from tests.builders import Clock

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


@pytest.fixture
def clock() -> Clock:
    """Show noon of 2024-11-01 in UTC until it is set."""
    return Clock("2024-11-01T12:00:00Z")


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    """Open a new ledger in a file, in UTC, by the clock above."""
    with dateline.open(tmp_path / "war.dateline", clock=clock) as opened:
        yield opened
