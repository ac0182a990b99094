"""Processes that start at once: one makes the tables, or brings them up to date."""

from contextlib import ExitStack

import pytest

import dateline
from dateline import LedgerOpened
from tests.builders import opened, refused
from tests.faults import children
from tests.faults.children import Child
from tests.stores import Places

pytestmark = pytest.mark.slow

PROCESSES = 10
MIGRATION = ["CREATE TABLE later (number BIGINT)", "INSERT INTO later VALUES (1)"]


def test_ten_processes_that_open_a_new_ledger_at_once_open_one(places: Places) -> None:
    targets = [places.new(f"new{number}") for number in range(6)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(Child(children.open_new, targets, f"s{number}"))
            for number in range(PROCESSES)
        ]
        assert [child.receive() for child in started] == ["ready"] * PROCESSES
        for target in targets:
            for child in started:
                child.pipe.send("go")
            positions = [child.receive() for child in started]
            assert sorted(map(str, positions), key=int) == [
                str(position) for position in range(2, PROCESSES + 2)
            ]
            with dateline.open(target, create=False) as ledger:
                types = [type(recorded.event) for recorded in ledger.events()]
                assert types.count(LedgerOpened) == 1
                assert ledger.verify().events == PROCESSES + 1


def test_ten_processes_at_once_bring_an_older_ledger_up_to_date_once(
    target: str,
) -> None:
    """A later release's processes start while one of this release records."""
    with dateline.open(target) as ledger, ExitStack() as stack:
        ledger.record(opened("before"))
        started = [
            stack.enter_context(Child(children.open_migrated, target, MIGRATION))
            for _ in range(PROCESSES)
        ]
        assert [child.receive() for child in started] == ["ready"] * PROCESSES
        for child in started:
            child.pipe.send("go")
        for number in range(20):
            ledger.record(opened(f"meanwhile-{number}"))
        found = [child.receive() for child in started]
        assert all(isinstance(count, int) and count <= 22 for count in found), found
        with ledger._store.reading() as cursor:
            assert cursor.execute("SELECT number FROM later").fetchall() == [(1,)]
        assert ledger.verify().events == 22

    with refused("newer_schema"):
        dateline.open(target)
