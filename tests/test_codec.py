"""Older shapes are read as the present one; what is stored never changes."""

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

import dateline
from dateline import ClaimReworded, Ledger, SourceRegistered
from dateline.domain.errors import LedgerDamaged
from dateline.domain.events import SourceKind
from dateline.domain.recorded import LogEntry
from dateline.projections.codec import CODEC, UPCASTERS, Codec, Fields
from tests.builders import Clock, asserted, framed, refused, registered, sources, stored

Json = dict[str, Any]


def name_spelt_out(fields: Fields) -> Fields:
    """Version 2 calls ``called`` a name."""
    rest = {key: value for key, value in fields.items() if key != "called"}
    return {**rest, "name": fields["called"]}


def kind_given(fields: Fields) -> Fields:
    """Version 3 says what a source is."""
    return {"kind": "office", **fields}


ONE_VERSION = Codec({"SourceRegistered": ()})
THREE_VERSIONS = Codec({"SourceRegistered": (name_spelt_out, kind_given)})


def entry(
    version: int, fields: Mapping[str, Any], type: str = "SourceRegistered"
) -> LogEntry:
    return LogEntry(
        position=7,
        id="e-7",
        type=type,
        fields=fields,
        stream="source:seoul",
        version=1,
        recorded_at=0,
        schema_version=version,
        salts={"name": "00" * 16},
        hash="ff" * 32,
    )


FIRST: Json = {"source": "seoul", "called": "Seoul"}
SECOND: Json = {"source": "seoul", "name": "Seoul"}
THIRD: Json = {"source": "seoul", "name": "Seoul", "kind": "office"}


@pytest.mark.parametrize(("version", "fields"), [(1, FIRST), (2, SECOND), (3, THIRD)])
def test_an_event_of_any_version_is_read_in_the_present_shape(
    version: int, fields: Json
) -> None:
    old = entry(version, dict(fields))

    recorded = THREE_VERSIONS.decode(old)

    assert recorded.event == SourceRegistered(
        source="seoul", name="Seoul", kind=SourceKind.OFFICE
    )
    assert THREE_VERSIONS.upcast(old).fields == THIRD
    assert THREE_VERSIONS.upcast(old)._replace(fields=old.fields) == old
    assert old.fields == fields


@pytest.mark.parametrize(("version", "fields"), [(1, FIRST), (2, SECOND), (3, THIRD)])
def test_an_event_is_shown_in_the_shape_as_stored(version: int, fields: Json) -> None:
    old = entry(version, fields)

    shown = THREE_VERSIONS.decode(old).model_dump(mode="json")

    assert shown == {
        "type": "SourceRegistered",
        **fields,
        "id": "e-7",
        "position": 7,
        "recorded_at": "1970-01-01T00:00:00Z",
        "recorder": None,
        "stream": "source:seoul",
        "version": 1,
        "schema_version": version,
        "salts": {"name": "00" * 16},
        "hash": "ff" * 32,
    }
    assert THREE_VERSIONS.decode(old).schema_version == version


def test_new_events_are_stored_in_the_last_version() -> None:
    assert ONE_VERSION.schema_version("SourceRegistered") == 1
    assert THREE_VERSIONS.schema_version("SourceRegistered") == 3
    assert {CODEC.schema_version(type_) for type_ in CODEC.types} == {1}


def test_a_version_of_the_future_is_not_guessed_at() -> None:
    for codec, version in ((ONE_VERSION, 2), (THREE_VERSIONS, 4), (CODEC, 2)):
        with pytest.raises(LedgerDamaged, match=f"version {version}") as caught:
            codec.decode(entry(version, THIRD))
        assert "position 7" in str(caught.value)


@pytest.mark.parametrize("version", [0, -1])
def test_there_is_no_version_before_the_first(version: int) -> None:
    for codec in (ONE_VERSION, THREE_VERSIONS):
        with pytest.raises(LedgerDamaged):
            codec.decode(entry(version, THIRD))


@pytest.mark.parametrize(
    "type_",
    [
        "",
        "Statement",
        "SourceRenamed",
        "sourceregistered",
        "os.system",
        "dateline.domain.events:SourceRegistered",
        "tests.never_imported:Thing",
    ],
)
def test_an_unknown_type_is_damage_and_nothing_is_imported(type_: str) -> None:
    for codec in (CODEC, THREE_VERSIONS):
        with pytest.raises(LedgerDamaged, match="position 7"):
            codec.decode(entry(1, THIRD, type_))
        with pytest.raises(LedgerDamaged):
            codec.check(entry(1, THIRD, type_))
    assert "tests.never_imported" not in sys.modules


# --- in a ledger ------------------------------------------------------------------


def new_shape(fields: Fields) -> Fields:
    return {"kind": "outlet", **fields}


def reworded_shape(fields: Fields) -> Fields:
    return {**fields, "reason": fields.get("reason", "Not given")}


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, object]:
    """Let this be a release in which two types have a second version."""
    upcasters = {
        **UPCASTERS,
        "SourceRegistered": (new_shape,),
        "ClaimReworded": (reworded_shape,),
    }
    monkeypatch.setattr(CODEC, "_upcasters", upcasters)
    return upcasters


def rows_of(target: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(target)) as connection:
        return connection.execute("SELECT * FROM stored_events").fetchall()


def test_a_newer_release_reads_an_older_ledger_and_leaves_it_as_it_is(
    tmp_path: Path, clock: Clock, request: pytest.FixtureRequest
) -> None:
    target = tmp_path / "old.dateline"
    with dateline.open(target, clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed(), asserted(id="s1"))
        ledger.record(ClaimReworded(claim="troops", text="Other words"))
        before, exported = stored(ledger), list(ledger.export())
    rows = rows_of(target)
    request.getfixturevalue("newer")

    with dateline.open(target, clock=clock) as ledger:
        events = list(ledger.events())
        assert [event.model_dump(mode="json") for event in events] == before
        source = events[1].event
        assert isinstance(source, SourceRegistered)
        assert source.kind is SourceKind.OUTLET
        wording = events[-1].event
        assert isinstance(wording, ClaimReworded)
        assert wording.reason == "Not given"
        assert list(ledger.export()) == exported
        assert ledger.verify().events == 5
        ledger.rebuild()
        ledger.verify()
        assert ledger.claim("troops", on="2024-10-20").text == "Other words"
    assert rows_of(target) == rows


def test_content_is_compared_in_the_present_shape(
    ledger: Ledger, clock: Clock, request: pytest.FixtureRequest
) -> None:
    ledger.record(registered("seoul", id="r1"), registered("tokyo"))
    request.getfixturevalue("newer")

    with dateline.open(ledger.target, clock=clock) as later:
        again = later.record(
            registered("seoul", id="r1", kind=SourceKind.OUTLET),
            registered("tokyo", kind=SourceKind.OUTLET),
            registered("oslo"),
        )
        with refused("conflicting_event"):
            later.record(registered("seoul", id="r1", kind=SourceKind.OFFICE))
        later.verify()

    assert [event.new for event in again.events] == [False, False, True]
    assert [event["schema_version"] for event in stored(ledger)] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("column", "value"),
    [("topic", "ClaimShouted"), ("topic", "os:system"), ("schema_version", 2)],
)
def test_a_ledger_with_what_this_release_cannot_read_is_damaged(
    tmp_path: Path, clock: Clock, column: str, value: object
) -> None:
    target = tmp_path / "damaged.dateline"
    with dateline.open(target, clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed(), asserted(id="s1"))
    with closing(sqlite3.connect(target)) as connection:
        connection.execute(
            f"UPDATE stored_events SET {column} = ? WHERE event_id = 's1'", (value,)
        )
        connection.commit()

    with dateline.open(target, clock=clock) as ledger:
        for read in (
            lambda: list(ledger.events()),
            lambda: ledger.timeline("troops"),
            lambda: ledger.record(asserted(id="s1")),
            ledger.verify,
            ledger.rebuild,
        ):
            with refused("ledger_damaged") as caught:
                read()
            assert caught.value.fault


def test_reading_imports_nothing_that_a_row_names(tmp_path: Path, clock: Clock) -> None:
    target = tmp_path / "hostile.dateline"
    marker = tmp_path / "imported"
    (tmp_path / "hostile.py").write_text(
        f"import pathlib; pathlib.Path({str(marker)!r}).touch()"
    )
    with dateline.open(target, clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed())
    with closing(sqlite3.connect(target)) as connection:
        connection.execute(
            "UPDATE stored_events SET topic = 'hostile:Event', state = ?",
            (orjson.dumps({"__type__": "hostile:Event", "_topic_": "hostile"}),),
        )
        connection.commit()
    program = f"import dateline; list(dateline.open({str(target)!r}).events())"

    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert run.returncode
    assert "LedgerDamaged" in run.stderr
    assert not marker.exists()
