"""Ledgers of earlier releases: brought up to date when they are opened, and once.

``golden/ledgers`` holds a ledger as the first schema had it, in both stores' words.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

import dateline
from dateline import Ledger
from dateline.projections import upkeep
from dateline.projections.postgres.target import Target
from dateline.projections.targets import SERVERS
from tests.builders import asserted, refused
from tests.faults import children
from tests.faults.children import Child
from tests.stores import Places, administering, on_sqlite_alone

LEDGERS = Path(__file__).parent / "golden" / "ledgers"
TABLES = (
    *("stored_events", "steps", "reaches", "claims", "uncertain", "speakers"),
    *("contradictions", "promises", "moments"),
)
EVENTS = 20
PROCESSES = 10


@pytest.fixture
def older(places: Places) -> Iterator[str]:
    """Make a ledger of version 1, as it was written then."""
    target = places.new("older")
    file = places.folder / "version-1"
    with closing(sqlite3.connect(file)) as database:
        database.executescript((LEDGERS / "version-1.sql").read_text("utf-8"))
        if target.startswith(SERVERS):
            _fill_schema(Target.parse(target).ledger, database)
    if not target.startswith(SERVERS):
        file.rename(target)
    yield target


def _fill_schema(name: str, database: sqlite3.Connection) -> None:
    with administering() as connection, connection.transaction():
        schema = Identifier(name)
        connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(SQL("SET LOCAL search_path TO {}").format(schema))
        made = (LEDGERS / "version-1.postgresql.sql").read_bytes()
        connection.execute(made)
        for table in TABLES:
            rows = database.execute(f"SELECT * FROM {table}").fetchall()
            marks = ",".join(["%s"] * len(rows[0])) if rows else ""
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {table} VALUES ({marks})".encode(), rows
                )


def _answers(ledger: Ledger) -> dict[str, list[str | None]]:
    words = ("north korean", "국가정보원", "nis", "новость", "ubung", "chongjin")
    return {
        asked: [
            result.statement or result.claim or result.source
            for result in ledger.search(asked, on="2024-11-01").results
        ]
        for asked in words
    }


def test_an_older_ledger_answers_all_that_a_new_one_does(
    older: str, places: Places
) -> None:
    with dateline.open(older, create=False) as ledger:
        assert _answers(ledger) == {
            "north korean": ["troops"],
            "국가정보원": ["nis"],
            "nis": ["nis"],
            "новость": [],
            "ubung": ["s5"],
            "chongjin": ["s1"],
        }
        assert [one.statement for one in ledger.arrivals().arrivals] == [
            *("s1", "s2", "s3", "s4", "s5")
        ]
        assert [day.day for day in ledger.calendar().days] == [
            *("2024-10-18", "2024-10-20", "2024-10-21", "2024-10-31")
        ]
        assert ledger.verify().events == EVENTS
        ledger.record(asserted("denial", "seoul", "2024-10-22", id="new", quote="New"))
        ledger.verify()
        ledger.copy_to(places.new("copied"))
        with dateline.open(places.new("copied")) as copied:
            assert _answers(copied) == _answers(ledger)


def test_an_older_ledger_is_brought_up_to_date_once(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded: list[int] = []
    rebuild = upkeep.rebuild

    def counted(*given: Any) -> int:
        folded.append(rebuild(*given))
        return folded[-1]

    monkeypatch.setattr(upkeep, "rebuild", counted)
    for _ in range(3):
        with dateline.open(older) as ledger:
            assert ledger.search("ubung", on="2024-11-01").results
    assert folded == [EVENTS]


def test_what_cannot_be_folded_is_left_as_it_was(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: object) -> int:
        raise dateline.domain.errors.LedgerDamaged("it cannot be folded")

    with monkeypatch.context() as patched:
        patched.setattr(upkeep, "rebuild", fails)
        with refused("ledger_damaged"):
            dateline.open(older, create=False)

    with dateline.open(older, create=False) as ledger:
        assert ledger.search("ubung", on="2024-11-01").results
        assert ledger.verify().events == EVENTS


@pytest.mark.slow
def test_ten_processes_at_once_bring_an_older_ledger_up_to_date(older: str) -> None:
    with ExitStack() as stack:
        started = [
            stack.enter_context(Child(children.open_migrated, older, []))
            for _ in range(PROCESSES)
        ]
        assert [child.receive() for child in started] == ["ready"] * PROCESSES
        for child in started:
            child.pipe.send("go")
        assert [child.receive() for child in started] == [EVENTS] * PROCESSES


@on_sqlite_alone
def test_an_older_file_that_can_only_be_read_says_what_to_do(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with refused("ledger_read_only") as caught:
        dateline.open(older, create=False)
    assert "of an earlier release" in str(caught.value)
