"""Importing JSONL: a file at once, the same again for nothing, each bad line named."""

import io
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

import dateline
from dateline import DatelineError, Ledger
from dateline.domain.events import QUOTE_LIMIT
from dateline.jsonl import LINE_LIMIT, Imported, import_file
from tests.builders import (
    Clock,
    asserted,
    confirmed,
    denied,
    filed,
    flat,
    framed,
    linked,
    opened,
    promised,
    refused,
    registered,
    sources,
    stored,
    voided,
)
from tests.golden import rewrite

Json = dict[str, Any]

OPENING: Json = {"type": "LedgerOpened", "title": "War", "timezone": "Europe/Kyiv"}
TOPIC: Json = flat(opened())
SEOUL: Json = flat(registered("seoul"))
CLAIM: Json = flat(framed())
SAID: Json = flat(asserted())
BEGUN = [OPENING, TOPIC, SEOUL, CLAIM]


def jsonl(*lines: Json) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


class Importer:
    """Imports into a ledger of a folder, by a clock."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.target = folder / "imported.dateline"

    def __call__(self, file: bytes, **named: Any) -> Imported:
        return import_file(
            str(self.target),
            io.BytesIO(file),
            **{"name": "a file.jsonl", "clock": self.clock, **named},
        )

    def lines(self, *lines: Json, **named: Any) -> Imported:
        return self(jsonl(*lines), **named)

    def opened(self) -> Ledger:
        return dateline.open(self.target, clock=self.clock, create=False)

    def stored(self) -> list[Json]:
        with self.opened() as ledger:
            ledger.verify()
            return stored(ledger)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def importer(tmp_path: Path, clock: Clock) -> Importer:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Importer(folder, clock)


# --- what an import does ----------------------------------------------------------


def test_a_file_becomes_a_ledger(importer: Importer) -> None:
    imported = importer.lines(*BEGUN, SAID)

    assert imported == Imported(lines=5, new=5, existing=0, notes=())
    events = importer.stored()
    assert [event["type"] for event in events] == [
        *("LedgerOpened", "TopicOpened", "SourceRegistered"),
        *("ClaimFramed", "ClaimAsserted"),
    ]
    assert [event["position"] for event in events] == [1, 2, 3, 4, 5]
    with importer.opened() as ledger:
        assert (ledger.title, ledger.timezone) == ("War", "Europe/Kyiv")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("dprk-troops.jsonl", "dprk-troops"),
        ("/var/data/a file.jsonl", "a file"),
        ("a.b.jsonl", "a.b"),
        ("plain", "plain"),
        (".hidden", ".hidden"),
    ],
)
def test_a_new_ledger_is_titled_after_the_file(
    importer: Importer, name: str, title: str
) -> None:
    imported = importer.lines(TOPIC, SEOUL, name=name)

    assert imported == Imported(lines=2, new=2, existing=0, notes=())
    with importer.opened() as ledger:
        assert (ledger.title, ledger.timezone) == (title, "UTC")
        assert [event["position"] for event in stored(ledger)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["", " .jsonl", "\x01", "x" * 1_100, "\udcff.jsonl"])
def test_a_file_name_that_is_no_title_does_no_harm(
    importer: Importer, name: str
) -> None:
    importer.lines(TOPIC, name=name)

    with importer.opened() as ledger:
        assert ledger.title


def test_a_file_of_nothing_is_a_ledger_of_nothing(importer: Importer) -> None:
    assert importer(b"") == Imported(0, 0, 0, ())
    assert importer(b"\n\n") == Imported(0, 0, 0, ())
    assert len(importer.stored()) == 1


def test_an_empty_target_is_as_good_as_none(importer: Importer) -> None:
    """As for ``open``: a name reserved by mktemp holds no ledger yet."""
    importer.target.touch()

    importer.lines(*BEGUN)

    assert len(importer.stored()) == 4


def test_an_import_into_an_existing_ledger_goes_on(importer: Importer) -> None:
    importer.lines(*BEGUN)

    assert importer.lines(SAID) == Imported(1, 1, 0, ())
    assert [event["position"] for event in importer.stored()] == [1, 2, 3, 4, 5]


# --- ids --------------------------------------------------------------------------


def test_ids_follow_from_content_and_equal_lines_before(
    importer: Importer, tmp_path: Path, clock: Clock
) -> None:
    importer.lines(*BEGUN, SAID, SAID, SAID)
    other = Importer(tmp_path, clock)
    other.lines(
        *BEGUN,
        flat(denied(by="seoul", said_at="2024-10-22")),
        SAID,
        flat(framed("other")),
        dict(reversed(SAID.items())),
        SAID,
    )

    said = [e["id"] for e in importer.stored() if e["type"] == "ClaimAsserted"]
    elsewhere = [e["id"] for e in other.stored() if e["type"] == "ClaimAsserted"]
    assert said == elsewhere
    assert len(set(said)) == 3
    assert {uuid.UUID(id).version for id in said} == {5}
    opening = importer.stored()[0], other.stored()[0]
    assert opening[0]["id"] == opening[1]["id"]


def test_content_is_what_a_line_means(importer: Importer) -> None:
    """Not its spelling, nor its envelope, nor who recorded it."""
    importer.lines(*BEGUN, {**SAID, "said_at": "2024-10-20T12:00:00Z"})
    first = importer.stored()[-1]["id"]

    again = importer.lines(
        {
            **SAID,
            "said_at": "2024-10-20T14:00:00.000+02:00",
            "strength": "plain",
            "basis": "unknown",
            "via": [],
            "quote": None,
            "recorder": "desk",
            "position": 77,
        }
    )

    assert again == Imported(1, 0, 1, ())
    assert importer.stored()[-1]["id"] == first


def test_ids_do_not_depend_on_the_release(importer: Importer) -> None:
    """Frozen: with another id the same file would be recorded twice."""
    importer.lines(*BEGUN, SAID)

    assert importer.stored()[-1]["id"] == "4040fbe5-8539-5f1d-9879-b30cf5d22a23"


def test_running_the_same_file_again_changes_nothing(importer: Importer) -> None:
    lines = [*BEGUN, SAID, SAID, flat(denied(id="d")), flat(voided("d")), flat(filed())]
    importer.lines(*lines)
    events = importer.stored()
    importer.clock.step(days=1)

    for _ in range(2):
        again = importer.lines(*lines)
        assert (again.lines, again.new, again.existing) == (9, 0, 8)
        assert len(again.notes) == 1
        assert "line 1" in again.notes[0]
    assert importer.stored() == events


def test_a_file_that_has_grown_adds_what_is_new(importer: Importer) -> None:
    importer.lines(*BEGUN, SAID)

    more = importer.lines(*BEGUN[1:], SAID, SAID, flat(denied()))

    assert (more.lines, more.new, more.existing) == (6, 2, 4)
    assert len(importer.stored()) == 7


def test_an_id_and_a_recorder_are_taken_from_a_line(importer: Importer) -> None:
    importer.lines(*BEGUN, {**SAID, "id": "s1", "recorder": "desk"})

    event = importer.stored()[-1]
    assert (event["id"], event["recorder"]) == ("s1", "desk")
    with refused("conflicting_event") as caught:
        importer.lines({**SAID, "id": "s1", "quote": "Other"})
    assert str(caught.value).startswith("line 1: ")


def test_the_rest_of_the_envelope_is_ignored(importer: Importer) -> None:
    envelope: Json = {
        "position": "seven",
        "recorded_at": "yesterday",
        "stream": 5,
        "version": None,
        "schema_version": 99,
        "salts": [],
        "hash": {},
    }

    importer.lines(*({**line, **envelope} for line in [*BEGUN, SAID]))

    events = importer.stored()
    assert [event["position"] for event in events] == [1, 2, 3, 4, 5]
    assert {event["recorded_at"][:10] for event in events} == {"2024-11-01"}
    assert {event["schema_version"] for event in events} == {1}


# --- keeping record time ----------------------------------------------------------


@pytest.fixture
def export(ledger: Ledger, clock: Clock) -> bytes:
    """Return the export of a ledger that took in something of everything, by 13:00."""
    ledger.record(opened(), *sources("seoul", "moscow", rutte="seoul"), framed())
    ledger.record(asserted(id="s1", quote="«Ja»\u2028 🇰🇵", recorder="desk"))
    clock.step(hours=1)
    ledger.record(framed("other"), linked("troops", "other"), promised())
    ledger.record(confirmed(by="rutte", basis=("s1", "moscow")), voided("s1"), filed())
    clock.step(minutes=1)
    return b"".join(line + b"\n" for line in ledger.export())


def exported(importer: Importer) -> bytes:
    with importer.opened() as ledger:
        ledger.verify()
        return b"".join(line + b"\n" for line in ledger.export())


def test_export_and_import_reproduce_the_ledger(
    importer: Importer, export: bytes
) -> None:
    imported = importer(export, keep_recorded_at=True)

    assert imported.new == imported.lines == export.count(b"\n")
    assert exported(importer) == export
    again = importer(export, keep_recorded_at=True)
    assert (again.new, again.existing) == (0, imported.lines - 1)
    assert exported(importer) == export


def test_the_golden_chain_is_reproduced_with_its_gaps(importer: Importer) -> None:
    chain = rewrite.CHAIN.read_bytes()

    importer(chain, keep_recorded_at=True)

    assert exported(importer) == chain
    with importer.opened() as ledger:
        assert ledger.record(registered("new")).position == ledger.position == 71


def test_without_keeping_only_ids_and_recorders_stay(
    importer: Importer, export: bytes
) -> None:
    importer.clock.set("2024-12-01T00:00:00Z")
    before = [json.loads(line) for line in export.splitlines()]

    importer(export)

    after = importer.stored()
    for name in ("id", "recorder", "type"):
        assert [e[name] for e in after] == [e[name] for e in before]
    assert {event["recorded_at"] for event in after[1:]} == {
        "2024-12-01T00:00:00.000001Z"
    }
    for old, new in zip(before, after, strict=True):
        assert old["hash"] != new["hash"]
        assert all(old["salts"][name] != salt for name, salt in new["salts"].items())


def changed(export: bytes, number: int, **fields: Any) -> bytes:
    """Return an export with one of its lines (from 1) changed."""
    lines = [json.loads(line) for line in export.splitlines()]
    lines[number - 1].update(fields)
    return jsonl(*lines)


ENVELOPES: list[tuple[Json, str]] = [
    ({"hash": "00" * 32}, "ledger_mismatch"),
    ({"hash": ""}, "ledger_mismatch"),
    ({"hash": 5}, "invalid_value"),
    ({"stream": "claim:other"}, "ledger_mismatch"),
    ({"stream": 5}, "invalid_value"),
    ({"version": 9}, "ledger_mismatch"),
    ({"version": "1"}, "invalid_value"),
    ({"version": True}, "invalid_value"),
    ({"schema_version": 2}, "ledger_mismatch"),
    ({"schema_version": 1.0}, "invalid_value"),
    ({"salts": {}}, "ledger_mismatch"),
    ({"salts": {"extra": "00" * 16}}, "ledger_mismatch"),
    ({"salts": []}, "invalid_value"),
    ({"position": 0}, "invalid_value"),
    ({"position": -1}, "invalid_value"),
    ({"position": 2**53}, "invalid_value"),
    ({"position": 2**64}, "invalid_value"),
    ({"position": 10**30}, "invalid_value"),
    ({"position": 7.0}, "invalid_value"),
    ({"position": "7"}, "invalid_value"),
    ({"position": True}, "invalid_value"),
    ({"recorded_at": "2024-11-01"}, "invalid_time"),
    ({"recorded_at": "2024-11-01T12:00:00"}, "invalid_time"),
    ({"recorded_at": 5}, "invalid_value"),
    ({"recorded_at": "2024-02-30T00:00:00Z"}, "impossible_date"),
    ({"recorded_at": "2024-11-01T14:00:00Z"}, "ledger_mismatch"),
    ({"recorder": "somebody"}, "ledger_mismatch"),
    ({"id": "other"}, "ledger_mismatch"),
]


@pytest.mark.parametrize("number", [1, 7])
@pytest.mark.parametrize(("fields", "code"), ENVELOPES)
def test_a_changed_envelope_is_noticed(
    importer: Importer, export: bytes, number: int, fields: Json, code: str
) -> None:
    with refused(code) as caught:
        importer(changed(export, number, **fields), keep_recorded_at=True)

    assert str(caught.value).startswith(f"line {number}: ")
    assert caught.value.item == number
    assert importer.left() == []


@pytest.mark.parametrize(
    "salt", ["", "00" * 15, "00" * 17, "zz" * 16, "AB" * 16, 5, None, ["00"], "é" * 32]
)
def test_a_salt_is_sixteen_bytes_in_hex(
    importer: Importer, export: bytes, salt: object
) -> None:
    with pytest.raises(DatelineError) as caught:
        importer(changed(export, 1, salts={"title": salt}), keep_recorded_at=True)

    assert caught.value.code in ("ledger_mismatch", "invalid_value")
    assert str(caught.value).startswith("line 1: ")
    assert importer.left() == []


@pytest.mark.parametrize("field", ["quote", "text", "said_at", "source", "basis"])
def test_a_changed_event_does_not_fit_its_hash(
    importer: Importer, export: bytes, field: str
) -> None:
    lines = [json.loads(line) for line in export.splitlines()]
    number = next(n for n, line in enumerate(lines, 1) if field in line)
    other = {"said_at": "2024-10-21", "source": "moscow", "basis": "own"}

    with pytest.raises(DatelineError) as caught:
        importer(
            changed(export, number, **{field: other.get(field, "changed")}),
            keep_recorded_at=True,
        )
    assert caught.value.code == "ledger_mismatch"
    assert caught.value.item == number


def test_a_missing_or_moved_line_breaks_the_chain(
    importer: Importer, export: bytes
) -> None:
    lines = export.splitlines(keepends=True)
    for broken in (
        lines[:2] + lines[3:],
        [lines[0], *lines[2:4], lines[1], *lines[4:]],
    ):
        with refused("ledger_mismatch"):
            importer(b"".join(broken), keep_recorded_at=True)
        assert importer.left() == []


def test_a_null_in_the_envelope_is_not_given(importer: Importer) -> None:
    nothing: Json = dict.fromkeys(
        ("position", "recorded_at", "salts", "stream", "version", "schema_version")
    )
    nothing |= {"hash": None}

    importer.lines(*({**line, **nothing} for line in BEGUN), keep_recorded_at=True)

    assert [event["position"] for event in importer.stored()] == [1, 2, 3, 4]


def at(line: Json, moment: str, **envelope: Any) -> Json:
    return {**line, "recorded_at": moment, **envelope}


def test_what_is_given_of_the_envelope_is_kept(importer: Importer) -> None:
    salt = "0123456789abcdef" * 2
    importer.lines(
        at(OPENING, "2024-10-01T09:00:00Z", position=10, salts={"title": salt}),
        at(TOPIC, "2024-10-01T09:00:00Z"),
        at(SEOUL, "2024-10-02T11:00:00.5+02:00", position=20),
        at(CLAIM, "2024-10-02T09:00:00.500000Z"),
        at(SAID, "2024-10-20T09:00:00Z", stream="claim:troops", version=2),
        keep_recorded_at=True,
    )

    events = importer.stored()
    assert [(e["position"], e["recorded_at"]) for e in events] == [
        (10, "2024-10-01T09:00:00Z"),
        (11, "2024-10-01T09:00:00Z"),
        (20, "2024-10-02T09:00:00.500000Z"),
        (21, "2024-10-02T09:00:00.500000Z"),
        (22, "2024-10-20T09:00:00Z"),
    ]
    assert events[0]["salts"] == {"title": salt}
    with importer.opened() as ledger:
        known = ledger.knowledge(on="2024-10-20", recorded_by="2024-10-19")
        assert known.basis.position == 21
        assert ledger.claim("troops", on="2024-10-20").status == "asserted"


def test_a_line_without_a_moment_is_recorded_now(importer: Importer) -> None:
    importer.lines(
        at(OPENING, "2024-10-01T09:00:00Z"),
        at(TOPIC, "2024-10-02T09:00:00Z"),
        SEOUL,
        CLAIM,
        keep_recorded_at=True,
    )

    assert [event["recorded_at"] for event in importer.stored()] == [
        "2024-10-01T09:00:00Z",
        "2024-10-02T09:00:00Z",
        "2024-11-01T12:00:00Z",
        "2024-11-01T12:00:00Z",
    ]


def test_moments_are_kept_also_without_an_opening(importer: Importer) -> None:
    """The ledger then opens no later than its first event."""
    importer.lines(
        at(TOPIC, "2024-10-01T09:00:00Z"),
        at(SEOUL, "2024-10-02T09:00:00Z"),
        keep_recorded_at=True,
    )

    assert [event["recorded_at"] for event in importer.stored()][1:] == [
        "2024-10-01T09:00:00Z",
        "2024-10-02T09:00:00Z",
    ]
    with importer.opened() as ledger:
        known = ledger.knowledge(
            on="2024-10-20", recorded_by="2024-10-01", topic="dprk-troops"
        )
        assert known.basis.position == 2


def test_a_first_moment_to_come_is_named(importer: Importer) -> None:
    with refused("ledger_mismatch") as caught:
        importer.lines(at(TOPIC, "2024-11-02T00:00:00Z"), keep_recorded_at=True)

    assert str(caught.value).startswith("line 1: ")
    assert importer.left() == []


def test_an_import_cut_short_is_run_again_and_keeps_its_moments(
    importer: Importer, export: bytes
) -> None:
    lines = export.splitlines(keepends=True)
    with refused("unknown_type") as caught:
        importer(
            b"".join([*lines[:8], b'{"type": "Shouted"}\n', *lines[8:]]),
            keep_recorded_at=True,
            batch=3,
        )
    assert caught.value.item == 9
    assert 1 < len(importer.stored()) < len(lines)

    importer(export, keep_recorded_at=True, batch=3)

    assert exported(importer) == export


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (at(TOPIC, "2024-10-01T08:59:59.999999Z"), "ledger_mismatch"),
        (at(TOPIC, "2024-11-01T12:00:00.000001Z"), "ledger_mismatch"),
        (at(TOPIC, "2024-10-01T09:00:00Z", position=10), "ledger_mismatch"),
        (at(TOPIC, "2024-10-01T09:00:00Z", position=9), "ledger_mismatch"),
    ],
)
def test_record_time_does_not_fall_and_is_not_ahead(
    importer: Importer, second: Json, code: str
) -> None:
    first = at(OPENING, "2024-10-01T09:00:00Z", position=10)

    with refused(code) as caught:
        importer.lines(first, second, keep_recorded_at=True)

    assert str(caught.value).startswith("line 2: ")
    assert importer.left() == []


def test_the_present_is_not_ahead(importer: Importer) -> None:
    now = "2024-11-01T12:00:00Z"

    importer.lines(at(OPENING, now), at(TOPIC, now), keep_recorded_at=True)

    assert {event["recorded_at"] for event in importer.stored()} == {now}


def test_a_statement_is_held_against_the_moment_kept(importer: Importer) -> None:
    begun = [at(line, "2024-10-01T09:00:00Z") for line in BEGUN]

    with refused("said_in_future") as caught:
        importer.lines(*begun, at(SAID, "2024-10-19T09:00:00Z"), keep_recorded_at=True)
    assert caught.value.item == 5
    importer.lines(*begun, at(SAID, "2024-10-20T09:00:00Z"), keep_recorded_at=True)


def test_record_time_is_kept_only_in_a_new_ledger(
    importer: Importer, export: bytes
) -> None:
    importer.lines(*BEGUN)
    events = importer.stored()

    for file in (jsonl(at(SAID, "2024-10-20T09:00:00Z")), export):
        with refused("ledger_mismatch"):
            importer(file, keep_recorded_at=True)
    assert importer.stored() == events


# --- the opening ------------------------------------------------------------------


def test_an_opening_is_skipped_where_there_is_one(importer: Importer) -> None:
    importer.lines(*BEGUN)

    again = importer.lines({**OPENING, "title": "Another title"}, SAID)

    assert (again.new, again.existing) == (1, 0)
    (note,) = again.notes
    assert note.startswith("line 1: ")
    with importer.opened() as ledger:
        assert ledger.title == "War"


def test_an_opening_of_another_zone_is_a_mismatch(importer: Importer) -> None:
    importer.lines(*BEGUN)
    events = importer.stored()

    for line in (
        {"type": "LedgerOpened", "title": "War"},
        {**OPENING, "timezone": "UTC"},
    ):
        with refused("ledger_mismatch") as caught:
            importer.lines(line, SAID)
        assert str(caught.value).startswith("line 1: ")
    assert importer.stored() == events


@pytest.mark.parametrize("blank_lines", [0, 2])
def test_an_opening_is_the_first_line_and_only_that(
    importer: Importer, blank_lines: int
) -> None:
    for lines in ([OPENING, OPENING], [TOPIC, OPENING], [OPENING, SEOUL, OPENING]):
        with refused("misplaced_opening") as caught:
            importer(b"\n" * blank_lines + jsonl(*lines))
        assert caught.value.item == len(lines) + blank_lines
        assert importer.left() == []
    importer(b"\n" * blank_lines + jsonl(OPENING, TOPIC))
    with refused("misplaced_opening"):
        importer.lines(SEOUL, OPENING)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"timezone": "Mars/Base"}, "invalid_timezone"),
        ({"timezone": ""}, "empty_text"),
        ({"title": ""}, "empty_text"),
        ({"zone": "UTC"}, "unknown_field"),
        ({"hash": "00" * 32}, "ledger_mismatch"),
    ],
)
@pytest.mark.parametrize("batch", [None, 1])
def test_an_opening_that_cannot_be_leaves_nothing_behind(
    importer: Importer, fields: Json, code: str, batch: int | None
) -> None:
    with refused(code) as caught:
        importer.lines(
            {**OPENING, **fields}, TOPIC, batch=batch, keep_recorded_at="hash" in fields
        )

    assert str(caught.value).startswith("line 1: ")
    assert importer.left() == []
    importer.lines(*BEGUN)
    assert len(importer.stored()) == 4


# --- all or nothing ---------------------------------------------------------------


def test_a_failed_first_import_leaves_nothing_behind(importer: Importer) -> None:
    for lines in (
        [{**SAID}],
        [OPENING, SAID],
        [*BEGUN, {**SAID, "source": "nobody"}],
        [*BEGUN, SAID, {"type": "Shouted"}],
    ):
        with pytest.raises(DatelineError) as caught:
            importer.lines(*lines)
        assert caught.value.item == len(lines)
        assert importer.left() == []
    importer.lines(*BEGUN, SAID)
    assert len(importer.stored()) == 5


def test_a_failed_import_leaves_a_ledger_as_it_was(importer: Importer) -> None:
    importer.lines(*BEGUN)
    events = importer.stored()

    with refused("unknown_source") as caught:
        importer.lines(SAID, flat(filed()), flat(denied(by="nobody")), SAID)

    assert str(caught.value).startswith("line 3: source 'nobody' ")
    assert importer.stored() == events
    assert importer.left() == ["imported.dateline"]


def test_a_batch_is_committed_in_parts_only_if_asked(importer: Importer) -> None:
    said = [flat(asserted(note=str(number))) for number in range(7)]
    lines = [*BEGUN, *said[:6], flat(denied("nothing")), said[6]]

    with refused("unknown_claim") as caught:
        importer.lines(*lines, batch=4)
    assert caught.value.item == 11
    kept = importer.stored()
    # The opening by itself, then lines 2-5 and 6-9; lines 10 and 11 with the bad one.
    assert [event["position"] for event in kept] == list(range(1, 10))
    moments = [event["recorded_at"] for event in kept]
    assert len(set(moments)) == 3

    lines[10] = flat(denied())
    again = importer.lines(*lines, batch=4)
    assert (again.lines, again.new, again.existing) == (12, 3, 8)
    assert importer.stored()[:9] == kept
    assert len(importer.stored()) == 12


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 100, None])
def test_parts_make_no_difference_to_what_is_there(
    importer: Importer, batch: int | None
) -> None:
    lines = [*BEGUN, SAID, SAID, flat(denied())]

    imported = importer.lines(*lines, batch=batch)

    assert imported == Imported(7, 7, 0, ())
    said = [e["id"] for e in importer.stored() if e["type"] == "ClaimAsserted"]
    assert len(set(said)) == 2
    again = importer.lines(*lines, batch=batch)
    assert (again.lines, again.new, again.existing) == (7, 0, 6)


def test_a_first_batch_that_fails_is_simply_run_again(importer: Importer) -> None:
    with refused("unknown_claim"):
        importer.lines(*BEGUN[:3], SAID, batch=10)

    importer.lines(*BEGUN, SAID, batch=10)

    assert len(importer.stored()) == 5


# --- lines ------------------------------------------------------------------------


def test_blank_lines_count_but_say_nothing(importer: Importer) -> None:
    file = b"\n \t\n" + b"\n\r\n".join(jsonl(line) for line in BEGUN) + b"\n   "

    assert importer(file).lines == 4
    with refused("unknown_source") as caught:
        importer(b"\n\n" + jsonl(SAID) + b"\n" + jsonl({**SAID, "source": "x"}))
    assert caught.value.item == 5


@pytest.mark.parametrize(
    "file",
    [
        b"\xef\xbb\xbf" + jsonl(*BEGUN),
        jsonl(*BEGUN).replace(b"\n", b"\r\n"),
        jsonl(*BEGUN).rstrip(b"\n"),
        b"\xef\xbb\xbf\r\n" + jsonl(*BEGUN),
        b"".join(b" \t" + line + b" \n" for line in jsonl(*BEGUN).splitlines()),
        "\n".join(json.dumps(line, ensure_ascii=False) for line in BEGUN).encode(),
    ],
)
def test_marks_and_ends_of_lines_are_not_content(
    importer: Importer, file: bytes
) -> None:
    assert importer(file) == Imported(4, 4, 0, ())
    assert importer.stored()[0]["title"] == "War"


DEEP = 1_000


def in_line(value: str) -> bytes:
    return b'{"type": "TopicOpened", "topic": "t", "title": ' + value.encode() + b"}"


BAD: dict[str, tuple[bytes, str]] = {
    "truncated": (jsonl(TOPIC)[:-10], "malformed_json"),
    "truncated in a string": (
        b'{"type": "TopicOpened", "topic": "dprk',
        "malformed_json",
    ),
    "not JSON": (b"hello", "malformed_json"),
    "a comment": (b"# comment", "malformed_json"),
    "single quotes": (b"{'type': 'TopicOpened'}", "malformed_json"),
    "a trailing comma": (b'{"type": "TopicOpened",}', "malformed_json"),
    "two objects": (b"{} {}", "malformed_json"),
    "a list": (b"[{}]", "malformed_json"),
    "a text": (b'"TopicOpened"', "malformed_json"),
    "a number": (b"5", "malformed_json"),
    "null": (b"null", "malformed_json"),
    "true": (b"true", "malformed_json"),
    "NaN": (in_line("NaN"), "malformed_json"),
    "infinity": (in_line("-Infinity"), "malformed_json"),
    "a hexadecimal": (in_line("0x10"), "malformed_json"),
    "a raw control character": (in_line('"a\tb"'), "malformed_json"),
    "a raw NUL": (in_line('"a\x00b"'), "malformed_json"),
    "NUL bytes": (b"\x00" * 16, "malformed_json"),
    "half a surrogate pair": (in_line(r'"\ud800"'), "malformed_json"),
    "a huge exponent": (in_line("1e999"), "malformed_json"),
    "a huge integer": (in_line("9" * 400), "malformed_json"),
    "a large integer": (in_line("9" * 30), "invalid_value"),
    "a fraction": (in_line("1.5"), "invalid_value"),
    "an escaped NUL": (in_line(r'"a\u0000b"'), "nul_character"),
    "Latin-1": (in_line('"é"').decode().encode("latin-1"), "invalid_utf8"),
    "an encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "invalid_utf8"),
    "an overlong slash": (b'{"a": "\xc0\xaf"}', "invalid_utf8"),
    "UTF-16": (json.dumps(TOPIC).encode("utf-16"), "invalid_utf8"),
    "a mark in the middle": (b"\xef\xbb\xbf" + jsonl(TOPIC), "malformed_json"),
    "deep": (in_line("[" * DEEP + "]" * DEEP), "invalid_value"),
    "deeper": (in_line("[" * 10**5 + "]" * 10**5), "malformed_json"),
    "deep and open": (b"[" * 10**6, "malformed_json"),
    "deep objects": (in_line('{"a":' * 10**5 + "1" + "}" * 10**5), "malformed_json"),
    "no type": (b"{}", "missing_field"),
    "an unknown type": (b'{"type": "Shouted"}', "unknown_type"),
    "an unknown field": (b'{"type": "TopicOpened", "topik": "t"}', "missing_field"),
    "a quote of 10 MB": (
        jsonl({**SAID, "quote": "x" * 10_000_000}).rstrip(),
        "text_too_long",
    ),
    "a line of 17 MiB": (in_line('"' + "x" * (LINE_LIMIT + 1) + '"'), "line_too_long"),
    "a line without an end": (b"[" + b" " * (LINE_LIMIT + 2), "line_too_long"),
    "an impossible date": (jsonl({**SAID, "said_at": "2024-02-30"}), "impossible_date"),
    "a reversed interval": (
        jsonl({**SAID, "said_at": "2024/2023"}),
        "reversed_interval",
    ),
    "a date to come": (jsonl({**SAID, "said_at": "2024-12-24"}), "said_in_future"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("last", [True, False])
def test_a_bad_line_is_named_and_nothing_is_recorded(
    importer: Importer, case: str, last: bool
) -> None:
    line, code = BAD[case]
    file = jsonl(*BEGUN) + b"\n" + line + (b"" if last else b"\n" + jsonl(SAID))

    with refused(code) as caught:
        importer(file)

    assert caught.value.item == 6
    assert str(caught.value).startswith("line 6: ")
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    assert not caught.value.fault
    assert importer.left() == []


@pytest.mark.parametrize(
    "line", [BAD[case][0] for case in ("truncated", "Latin-1", "a list", "no type")]
)
def test_a_bad_first_line_is_named_too(importer: Importer, line: bytes) -> None:
    with pytest.raises(DatelineError) as caught:
        importer(line + b"\n")

    assert caught.value.item == 1
    assert importer.left() == []


def test_a_quote_up_to_its_limit_is_taken(importer: Importer) -> None:
    importer.lines(*BEGUN, {**SAID, "quote": "🇰" * QUOTE_LIMIT})

    assert len(importer.stored()[-1]["quote"]) == QUOTE_LIMIT


def test_of_a_key_given_twice_the_last_counts(importer: Importer) -> None:
    importer(b'{"type": "TopicOpened", "topic": "a", "topic": "b", "title": "T"}')

    assert importer.stored()[-1]["topic"] == "b"


def test_a_target_that_is_no_ledger_is_left_alone(importer: Importer) -> None:
    importer.target.write_text("Dear diary")

    with refused("not_a_ledger"):
        importer.lines(*BEGUN)
    assert importer.target.read_text() == "Dear diary"


# --- from a pipe ------------------------------------------------------------------


def test_a_pipe_is_read_like_a_file(importer: Importer) -> None:
    read, write = os.pipe()
    os.write(write, jsonl(*BEGUN, SAID))
    os.close(write)
    told: list[tuple[int, int]] = []

    with os.fdopen(read, "rb") as pipe:
        imported = import_file(
            str(importer.target),
            pipe,
            name="-",
            clock=importer.clock,
            progress=lambda done, total: told.append((done, total)),
        )

    assert imported.new == 5
    assert told[-1] == (len(jsonl(*BEGUN, SAID)), 0)


def test_progress_is_told_in_bytes(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(
        jsonl(*BEGUN, *(flat(asserted(note=str(number))) for number in range(2_500)))
    )
    told: list[tuple[int, int]] = []

    with path.open("rb") as file:
        import_file(
            str(importer.target),
            file,
            name=path.name,
            clock=importer.clock,
            progress=lambda done, total: told.append((done, total)),
        )

    size = path.stat().st_size
    assert len(told) >= 3
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)
    assert {total for _, total in told} == {size}
