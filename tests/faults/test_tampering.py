"""A ledger that somebody changed by hand: verify names it, rebuild repairs rows."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import dateline
from dateline.domain.errors import DatelineError, LedgerDamaged
from dateline.domain.events import Event
from dateline.projections.rows import TABLES
from tests.builders import (
    Clock,
    asserted,
    captured,
    confirmed,
    denied,
    filed,
    framed,
    linked,
    opened,
    promised,
    rated,
    received,
    refused,
    registered,
    reworded,
    voided,
)

ON = "2024-10-31"


def story() -> Iterator[Event]:
    """Tell something that every table of rows has a row of."""
    yield opened()
    yield from (registered("seoul"), registered("office", principal="seoul"))
    yield from (captured(publisher="seoul"), framed(topics=("dprk-troops",)))
    yield from (framed("none"), linked("none", "troops", id="link"))
    yield asserted(id="first", said_at="2024-10-20/2024-10-22", quote="They are there.")
    yield asserted(by="office", id="second", strength=dateline.Strength.IMPLICIT)
    yield denied("none", "office", "2024-10-21", id="third")
    yield from (promised(), confirmed(said_at="2024-10-25", id="fourth"))
    yield from (received("fourth"), rated("B"), reworded("In other words"))
    yield from (voided("second"), filed("none"), asserted("none", id="last"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Make a ledger of a batch for each event, and close it."""
    target = tmp_path / "war.dateline"
    clock = Clock("2024-11-01T12:00:00Z")
    with dateline.open(target, clock=clock) as ledger:
        for event in story():
            ledger.record(event)
            clock.step(minutes=1)
        ledger.verify()
    return target


def tamper(target: Path, *statements: str) -> None:
    with closing(sqlite3.connect(target)) as database, database:
        for statement in statements:
            assert database.execute(statement).rowcount, "it changed nothing"


def damage(target: Path) -> str:
    """Return what verify, and before it opening, has to say."""
    with pytest.raises(LedgerDamaged) as caught:
        with dateline.open(target, create=False) as ledger:
            ledger.verify()
    return str(caught.value)


MIDDLE, TAIL = 9, 19
AT = f"WHERE rowid = {MIDDLE}"


CHANGES = [
    f"UPDATE stored_events SET state = replace(state, 'there', 'where') {AT}",
    f"UPDATE stored_events SET state = replace(state, 'seoul', 'office') {AT}",
    f"UPDATE stored_events SET state = substr(state, 1, 20) {AT}",
    f"UPDATE stored_events SET state = '[]' {AT}",
    f"UPDATE stored_events SET state = x'00' {AT}",
    f"UPDATE stored_events SET state = '{{}}' {AT}",
    f"UPDATE stored_events SET hash = substr(hash, 2) || substr(hash, 1, 1) {AT}",
    f"UPDATE stored_events SET hash = upper(hash) {AT}",
    f"UPDATE stored_events SET hash = '' {AT}",
    f"UPDATE stored_events SET salts = '{{}}' {AT}",
    f'UPDATE stored_events SET salts = \'{{"quote":"00"}}\' {AT}',
    f"UPDATE stored_events SET salts = '{{\"quote\":7}}' {AT}",
    f"UPDATE stored_events SET salts = 'null' {AT}",
    f"UPDATE stored_events SET recorded_at = recorded_at - 1 {AT}",
    f"UPDATE stored_events SET recorded_at = recorded_at + 1 {AT}",
    f"UPDATE stored_events SET recorded_at = 'noon' {AT}",
    f"UPDATE stored_events SET recorder = 'somebody' {AT}",
    f"UPDATE stored_events SET event_id = 'another' {AT}",
    f"UPDATE stored_events SET topic = 'ClaimDenied' {AT}",
    f"UPDATE stored_events SET topic = 'Nonsense' {AT}",
    f"UPDATE stored_events SET originator_version = 9 {AT}",
    f"UPDATE stored_events SET originator_id = 'claim:other' {AT}",
    f"UPDATE stored_events SET schema_version = 2 {AT}",
    f"UPDATE stored_events SET schema_version = 0 {AT}",
    f"DELETE FROM stored_events {AT}",
    f"UPDATE stored_events SET rowid = 100 {AT}",
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_event_changed_in_the_log_is_named(target: Path, change: str) -> None:
    tamper(target, change)
    found = damage(target)
    near = {MIDDLE, MIDDLE + 1}
    named = {int(number) for number in re.findall(r"position (\d+)", found)}
    assert named & near, found


@pytest.mark.parametrize("change", CHANGES)
def test_a_rebuild_does_not_repair_the_log(target: Path, change: str) -> None:
    tamper(target, change)
    with dateline.open(target) as ledger:
        try:
            ledger.rebuild()
        except DatelineError as error:
            assert error.code == "ledger_damaged"
        with refused("ledger_damaged"):
            ledger.verify()


def test_events_that_changed_places_are_named(target: Path) -> None:
    tamper(
        target,
        f"UPDATE stored_events SET rowid = -1 {AT}",
        f"UPDATE stored_events SET rowid = {MIDDLE} WHERE rowid = {MIDDLE + 1}",
        f"UPDATE stored_events SET rowid = {MIDDLE + 1} WHERE rowid = -1",
    )
    assert f"position {MIDDLE}" in damage(target)


def test_a_lost_tail_is_damage(target: Path) -> None:
    tamper(target, f"DELETE FROM stored_events WHERE rowid >= {TAIL}")
    assert f"ends at position {TAIL - 1}" in damage(target)
    with refused("ledger_damaged"), dateline.open(target) as ledger:
        ledger.rebuild()
        ledger.verify()


def test_a_lost_opening_is_damage(target: Path) -> None:
    tamper(target, "DELETE FROM stored_events WHERE rowid = 1")
    assert "LedgerOpened" in damage(target)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sqlite_sequence SET seq = seq - 3",
        "UPDATE sqlite_sequence SET seq = seq + 3",
        "DELETE FROM sqlite_sequence",
    ],
)
def test_a_head_that_is_not_the_logs_is_damage(target: Path, change: str) -> None:
    tamper(target, change)
    assert "position" in damage(target)


ROWS = {
    "steps": "status = 'raised'",
    "reaches": "known_from = known_from + 1",
    "claims": "head = replace(head, 'In other', 'In their')",
    "uncertain": "latest = latest + 1",
    "speakers": "claim = claim || 'x'",
    "contradictions": "position = position + 1",
    "promises": "position = position + 1",
    "moments": "position = position + 1",
    "arrivals": "known_from = known_from + 1",
    "texts": "text = replace(text, 'They', 'We')",
}


def test_every_table_of_rows_is_tried() -> None:
    assert list(ROWS) == list(TABLES)


@pytest.mark.parametrize(
    "change",
    [f"UPDATE {table} SET {change}" for table, change in ROWS.items()]
    + [f"DELETE FROM {table} WHERE rowid IN (1, 3)" for table in TABLES]
    + [
        "UPDATE steps SET recorded_until = recorded_until - 1",
        "UPDATE steps SET answer = replace(answer, 'seoul', 'office')",
        "UPDATE steps SET since = since + 1",
        "UPDATE claims SET rivals = NULL WHERE rivals IS NOT NULL",
        "INSERT INTO speakers VALUES ('nobody', 'troops')",
        "INSERT INTO moments VALUES (1, 1)",
        "UPDATE texts SET recorded_until = recorded_until - 1",
        "DELETE FROM steps",
        "DELETE FROM claims WHERE topic = 'dprk-troops'",
    ],
)
def test_a_changed_row_is_named_and_repaired(target: Path, change: str) -> None:
    with dateline.open(target) as ledger:
        log, known = list(ledger.export()), ledger.knowledge_json(on=ON)
    tamper(target, change)
    table = next(table for table in TABLES if re.search(rf"\b{table}\b", change))
    found = damage(target)
    assert f"'{table}'" in found or (table == "steps" and "rows of claim" in found)
    assert "rebuild" in found

    with dateline.open(target, create=False) as ledger:
        ledger.rebuild()
        ledger.verify()
        assert list(ledger.export()) == log
        assert ledger.knowledge_json(on=ON) == known


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO words (rowid, listed) VALUES (9, 'nowhere')",
        "INSERT INTO words (words, rowid, listed) VALUES ('delete', 3, 'seoul seoul')",
        "INSERT INTO words (words) VALUES ('delete-all')",
    ],
)
def test_changed_words_are_named_and_repaired(target: Path, change: str) -> None:
    with dateline.open(target) as ledger:
        found = ledger.search("seoul", on=ON).results
    with closing(sqlite3.connect(target)) as database, database:
        database.execute(change)
    assert "'words'" in damage(target)

    with dateline.open(target, create=False) as ledger:
        ledger.rebuild()
        ledger.verify()
        assert ledger.search("seoul", on=ON).results == found != ()


@pytest.mark.parametrize("table", [*TABLES, "words"])
def test_a_lost_table_of_rows_is_repaired(target: Path, table: str) -> None:
    tamper_with_schema(target, f"DROP TABLE {table}")
    with dateline.open(target, create=False) as ledger:
        with pytest.raises(DatelineError) as caught:
            ledger.verify()
        assert caught.value.fault
        ledger.rebuild()
        ledger.verify()


def tamper_with_schema(target: Path, statement: str) -> None:
    with closing(sqlite3.connect(target)) as database:
        database.execute(statement)


def test_what_is_recorded_after_a_change_does_not_hide_it(target: Path) -> None:
    tamper(target, f"UPDATE stored_events SET recorder = 'somebody' {AT}")
    with dateline.open(target) as ledger:
        ledger.record(asserted("none", said_at="2024-10-23"))
    assert f"position {MIDDLE}" in damage(target)
