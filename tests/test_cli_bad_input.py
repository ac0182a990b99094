"""Bad input at the command line: a sentence with a code, and nothing half recorded."""

import ctypes
import json
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dateline
from tests.test_cli import invoke, invoked, run, write_lines

TOPIC = {"type": "TopicOpened", "topic": "t", "title": "T"}
SOURCE = {"type": "SourceRegistered", "source": "s", "name": "S"}
CLAIM = {"type": "ClaimFramed", "claim": "c", "text": "It is so.", "topics": ["t"]}
GOOD = (TOPIC, SOURCE, CLAIM)
SAID = {"type": "ClaimAsserted", "claim": "c", "source": "s", "said_at": "2024-10-22"}
PROMISED = {
    **{"type": "UpdateExpected", "expectation": "e", "claims": ["c"], "source": "s"},
    **{"said_at": "2024-10-22", "due": "2024-10-29"},
}
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


def said(**fields: object) -> dict[str, object]:
    return {**SAID, **fields}


def complaint(code: str, line: int | None = None) -> str:
    place = "" if line is None else f"line {line}: "
    return f"dateline: {code}: {place}"


BAD_EVENTS: list[tuple[str, dict[str, object]]] = [
    ("unknown_type", {"type": "ClaimWhispered", "claim": "c"}),
    ("missing_field", {"claim": "c", "source": "s"}),
    ("missing_field", {"type": "ClaimAsserted", "claim": "c", "source": "s"}),
    ("unknown_field", said(sayd_at="2024")),
    ("invalid_value", said(claim=7)),
    ("invalid_value", said(strength="loud")),
    ("invalid_value", {**SAID, "type": "ClaimConfirmed", "strength": "hedged"}),
    ("invalid_value", {**TOPIC, "topic": None}),
    ("invalid_id", said(claim="No Slug")),
    ("invalid_id", said(id="spaced out")),
    ("impossible_date", said(said_at="2024-02-30")),
    ("impossible_date", said(said_at="2023-02-29")),
    ("impossible_date", said(said_at="2024-10-22T25:00:00Z")),
    ("reversed_interval", said(said_at="2024-10-22/2024-10-20")),
    ("invalid_time", said(said_at="22.10.2024")),
    ("invalid_time", said(said_at="2024-10-22T10:00:00")),
    ("invalid_time", said(said_at="2024-10-22/..")),
    ("said_in_future", said(said_at=TOMORROW)),
    ("unknown_claim", said(claim="unheard")),
    ("unknown_source", said(source="nobody")),
    ("unknown_topic", {**CLAIM, "claim": "d", "topics": ["nothing"]}),
    ("unknown_document", said(document="nowhere")),
    ("unknown_basis", said(basis=["nothing"])),
    ("unknown_event", {"type": "RecordVoided", "event": "nothing", "reason": "r"}),
    (
        "unknown_expectation",
        {"type": "UpdateReceived", "expectation": "e", "statement": "x"},
    ),
    ("conflicting_event", {**CLAIM, "text": "It is not so."}),
    ("conflicting_event", {**TOPIC, "title": "U"}),
    ("self_link", {"type": "ClaimsLinked", "claim": "c", "other": "c"}),
    ("misplaced_opening", {"type": "LedgerOpened", "title": "L"}),
    ("nul_character", said(quote="a\x00b")),
    ("empty_text", said(quote=" ")),
    ("empty_list", said(basis=[])),
    ("list_too_long", said(via=["s"] * 101)),
    ("text_too_long", {**CLAIM, "claim": "d", "text": "x" * 10_001}),
    ("text_too_long", said(quote="x" * 20_001)),
    ("text_too_long", said(quote="x" * 10 * 2**20)),
]


def completed(event: dict[str, object]) -> dict[str, object]:
    """Return an event with what it needs besides what is wrong with it."""
    if event.get("type") == "ClaimsLinked":
        return {"relation": "supports", **event}
    return event


@pytest.mark.parametrize(("code", "event"), BAD_EVENTS)
def test_a_bad_event_is_named_by_its_line_and_nothing_is_recorded(
    tmp_path: Path, code: str, event: dict[str, object]
) -> None:
    path = tmp_path / "war.dateline"
    file = write_lines(tmp_path / "in.jsonl", *GOOD, completed(event), SAID)

    result = invoke("import", path, file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(complaint(code, 4))
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 400
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of a topic, a source and a claim."""
    path = tmp_path / "war.dateline"
    invoked("import", path, write_lines(tmp_path / "good.jsonl", *GOOD))
    return path


@pytest.mark.parametrize(("code", "event"), BAD_EVENTS[::4])
def test_a_bad_event_leaves_a_ledger_as_it_was(
    ledger: Path, tmp_path: Path, code: str, event: dict[str, object]
) -> None:
    before = invoked("export", ledger)
    file = write_lines(tmp_path / "in.jsonl", SAID, completed(event))

    result = invoke("import", ledger, file)

    assert result.exit_code == 2
    assert result.stderr.startswith(complaint(code, 2))
    assert invoked("export", ledger) == before
    assert "verified 4 events" in invoked("verify", ledger)


def test_the_same_id_with_other_content_is_a_conflict(
    ledger: Path, tmp_path: Path
) -> None:
    first = write_lines(tmp_path / "first.jsonl", said(id="statement-1"))
    second = write_lines(tmp_path / "second.jsonl", said(id="statement-1", note="n"))
    invoked("import", ledger, first)

    result = invoke("import", ledger, second)

    assert result.exit_code == 2
    assert result.stderr == (
        "dateline: conflicting_event: line 1: event 'statement-1' was recorded with "
        "other content at position 5; pick another name, or record a correction\n"
    )


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("malformed_json", b'{"type": "TopicOpened", "topic": "u", "ti'),
        ("malformed_json", b"type: TopicOpened"),
        ("malformed_json", b'["TopicOpened"]'),
        ("malformed_json", b'{"type": "TopicOpened"} {}'),
        ("malformed_json", b"\x00\x00\x00"),
        ("invalid_utf8", b'{"type": "TopicOpened", "topic": "u", "title": "\xff"}'),
        ("line_too_long", b'{"type": "' + b"x" * (17 * 2**20) + b'"}'),
    ],
)
def test_a_line_that_is_no_json_object_is_named(
    tmp_path: Path, code: str, line: bytes
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(json.dumps(TOPIC).encode() + b"\n\n" + line)

    result = invoke("import", tmp_path / "war.dateline", file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(complaint(code, 3))
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_bad_line_on_standard_input_is_named_too(tmp_path: Path) -> None:
    result = run("import", tmp_path / "war.dateline", "-", input="{}\n")

    assert result.returncode == 2
    assert result.stderr.startswith(complaint("missing_field", 1))
    assert list(tmp_path.iterdir()) == []


def test_of_several_files_the_bad_one_is_named_and_those_before_it_stay(
    tmp_path: Path,
) -> None:
    path = tmp_path / "war.dateline"
    good = write_lines(tmp_path / "good.jsonl", *GOOD)
    bad = write_lines(tmp_path / "bad.jsonl", SAID, {"type": "Foo"})

    result = invoke("import", path, good, bad)

    assert result.exit_code == 2
    assert result.stdout == f"{good}: 3 lines, 3 new, 0 there already\n"
    assert result.stderr.startswith(f"dateline: unknown_type: {bad}: line 2: there is")
    assert invoked("export", path).count("\n") == 4


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        ({"title": "L", "timezone": "Mars/Olympus"}, "invalid_timezone"),
        ({"title": " "}, "empty_text"),
        ({"title": "L", "zone": "UTC"}, "unknown_field"),
        ({"title": "L", "recorded_at": "2999-01-01T00:00:00Z"}, "ledger_mismatch"),
        ({"title": "L", "recorded_at": "yesterday"}, "invalid_time"),
        ({"title": "L", "hash": "0" * 64}, "ledger_mismatch"),
    ],
)
def test_a_bad_opening_leaves_no_ledger_behind(
    tmp_path: Path, opening: dict[str, object], code: str
) -> None:
    path = tmp_path / "war.dateline"
    file = write_lines(tmp_path / "in.jsonl", {"type": "LedgerOpened", **opening})

    result = invoke("import", path, file, "--keep-recorded-at")

    assert result.exit_code == 2
    assert result.stderr.startswith(complaint(code, 1))
    assert list(tmp_path.iterdir()) == [file]


def test_a_changed_export_is_refused(ledger: Path, tmp_path: Path) -> None:
    changed = invoked("export", ledger).replace("It is so.", "It is not so.")
    (file := tmp_path / "changed.jsonl").write_text(changed, encoding="utf-8")

    result = invoke("import", tmp_path / "copy.dateline", file, "--keep-recorded-at")

    assert result.exit_code == 2
    assert result.stderr.startswith(complaint("ledger_mismatch", 4))
    assert not (tmp_path / "copy.dateline").exists()


def test_a_ledger_of_another_zone_is_not_imported(ledger: Path, tmp_path: Path) -> None:
    opening = {"type": "LedgerOpened", "title": "war", "timezone": "Europe/Kyiv"}
    file = write_lines(tmp_path / "in.jsonl", opening, SAID)

    result = invoke("import", ledger, file)

    assert result.exit_code == 2
    assert result.stderr.startswith(complaint("ledger_mismatch", 1))


# --- questions ----------------------------------------------------------------------

ON = ("--on", "2024-10-22")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("unknown_topic", ("known", *ON, "--topic", "nothing")),
        ("unknown_topic", ("known", *ON, "--topic", "t", "--recorded-by", "1")),
        ("unknown_claim", ("claim", "nothing", *ON)),
        ("unknown_claim", ("claim", "c", *ON, "--recorded-by", "1")),
        ("unknown_claim", ("timeline", "nothing")),
        ("unknown_claim", ("explain", "nothing", *ON)),
        ("unknown_source", ("positions", "nobody", *ON)),
        ("unknown_topic", ("events", "--topic", "nothing")),
        ("unknown_claim", ("events", "--claim", "nothing", "--follow")),
        ("unknown_source", ("events", "--source", "nobody")),
        ("invalid_argument", ("events", "--type", "Nothing")),
        ("invalid_argument", ("known", *ON, "--status", "sure")),
        ("invalid_cursor", ("events", "--after", "5")),
        ("invalid_cursor", ("events", "--after", "-1")),
        ("usage_error", ("events", "--after", "soon")),
        ("not_yet_recorded", ("known", *ON, "--recorded-by", "5")),
        ("not_yet_recorded", ("known", *ON, "--recorded-by", "9" * 30)),
        ("not_yet_recorded", ("known", *ON, "--recorded-by", TOMORROW)),
        (
            "not_yet_recorded",
            ("timeline", "c", "--recorded-by", "2999-01-01T00:00:00Z"),
        ),
        ("invalid_time", ("known", "--on", "22.10.2024")),
        ("invalid_time", ("known", "--on", "2024-10")),
        ("invalid_time", ("known", "--on", "2024-10-22T10:00:00")),
        ("impossible_date", ("known", "--on", "2024-02-30")),
        ("invalid_time", ("known", *ON, "--recorded-by", "-1")),
        ("impossible_date", ("known", *ON, "--recorded-by", "2023-02-29")),
        ("impossible_date", ("changes", "--from", "2023-02-29", "--to", "2024-10-22")),
        ("invalid_time", ("changes", "--from", "2024-10-22", "--to", "now")),
        ("invalid_policy", ("known", *ON, "--policy", "{")),
        ("invalid_policy", ("known", *ON, "--policy", "[]")),
        ("invalid_policy", ("claim", "c", *ON, "--policy", '{"confirmation": 2}')),
        ("invalid_policy", ("timeline", "c", "--policy", '{"confirmations": 0}')),
        ("invalid_policy", ("explain", "c", *ON, "--policy", '{"implicit": "no"}')),
        ("invalid_policy", ("positions", "s", *ON, "--policy", '{"independent": 1}')),
        ("usage_error", ("known",)),
        ("usage_error", ("claim", *ON)),
        ("usage_error", ("known", *ON, "--topics", "t")),
        ("usage_error", ("known", *ON, "extra")),
    ],
)
@pytest.mark.parametrize("form", ["--json", None])
def test_a_bad_question_is_refused_with_its_code(
    ledger: Path, code: str, words: tuple[str, ...], form: str | None
) -> None:
    name, *rest = words

    result = invoke(name, ledger, *rest, *([form] if form else []))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(complaint(code))
    assert result.stderr.count("\n") == 1


def test_an_unknown_claim_is_refused_in_one_sentence(ledger: Path) -> None:
    result = run("claim", ledger, "x", *ON, "--recorded-by", "3")

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "dateline: unknown_claim: claim 'x' is not in the ledger at position 3; frame "
        "it first, or ask at a later position\n"
    )


def test_a_word_that_drives_terminals_is_shown_and_not_obeyed(ledger: Path) -> None:
    result = run("known", ledger, *ON, "--topic", "\x1b[2J\n")

    assert result.stderr.startswith("dateline: unknown_topic: topic '\\x1b[2J\\n' is")


@pytest.mark.parametrize(
    "words", [("claim", "\udcff", *ON), ("known", "--on", "\udcff")]
)
def test_an_argument_that_is_no_text_is_refused(
    ledger: Path, words: tuple[str, ...]
) -> None:
    name, *rest = words

    result = run(name, ledger, *rest)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("dateline: usage_error: argument '\\udcff' is not")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("known",), "missing argument 'LEDGER'; see 'dateline known --help'"),
        (("nothing",), "no such command 'nothing'; see 'dateline --help'"),
        (("--nothing",), "no such option: --nothing; see 'dateline --help'"),
    ],
)
def test_a_mistyped_command_is_one_sentence(
    words: tuple[str, ...], sentence: str
) -> None:
    result = run(*words)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"dateline: usage_error: {sentence}\n"


# --- files --------------------------------------------------------------------------


def no_ledger(path: Path) -> None:
    path.write_text("dear diary\n" * 100, encoding="utf-8")


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE diary (entry TEXT)")


def later_release(path: Path) -> None:
    dateline.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1000")


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("not_a_ledger", no_ledger),
        ("not_a_ledger", other_database),
        ("not_a_ledger", Path.mkdir),
        ("newer_schema", later_release),
    ],
)
def test_a_file_that_is_no_ledger_of_ours_is_refused_and_left_alone(
    tmp_path: Path, code: str, make: Any
) -> None:
    make(path := tmp_path / "thing")
    content = path.read_bytes() if path.is_file() else b""
    file = write_lines(tmp_path / "good.jsonl", *GOOD)

    for words in (("known", path, *ON), ("import", path, file), ("verify", path)):
        result = invoke(*words)

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(complaint(code))
        assert result.stderr.count("\n") == 1
    assert invoke("init", path).stderr == (
        f"dateline: ledger_exists: {str(path)!r} exists already; pick another name\n"
    )
    assert (path.read_bytes() if path.is_file() else b"") == content


def test_init_on_a_ledger_is_refused_and_records_nothing(ledger: Path) -> None:
    before = invoked("export", ledger)

    for words in ((), ("--title", "war")):
        result = invoke("init", ledger, *words)

        assert result.exit_code == 2
        assert result.stderr == (
            f"dateline: ledger_exists: {str(ledger)!r} exists already; pick another "
            "name\n"
        )
    assert invoked("export", ledger) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--timezone", "Mars/Olympus"), "invalid_timezone"),
        (("--title", " "), "empty_text"),
        (("--title", ""), "empty_text"),
        (("--title", "x" * 100_000), "text_too_long"),
    ],
)
def test_init_with_a_bad_title_or_zone_makes_nothing(
    tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    result = invoke("init", tmp_path / "war.dateline", *words)

    assert result.exit_code == 2
    assert result.stderr.startswith(complaint(code))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.jsonl", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_named_before_any_is_recorded(
    tmp_path: Path, name: str, reason: str
) -> None:
    good = write_lines(tmp_path / "good.jsonl", *GOOD)
    missing = str(tmp_path / name)

    result = invoke("import", tmp_path / "war.dateline", good, missing)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"dateline: unreadable_file: {missing!r} cannot be read: {reason}; check the "
        "path\n"
    )
    assert list(tmp_path.iterdir()) == [good]


def test_a_copy_never_replaces_what_is_there(ledger: Path, tmp_path: Path) -> None:
    before = invoked("export", ledger)
    (other := tmp_path / "other").write_text("precious", encoding="utf-8")

    for words in (
        *(("backup", ledger, target) for target in (ledger, other, tmp_path)),
        *(("export", ledger, "--output", target) for target in (ledger, other)),
    ):
        result = invoke(*words)

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(complaint("ledger_exists"))
    assert other.read_text(encoding="utf-8") == "precious"
    assert invoked("export", ledger) == before


def test_an_export_into_a_missing_folder_is_refused(
    ledger: Path, tmp_path: Path
) -> None:
    target = str(tmp_path / "missing" / "out.jsonl")

    result = invoke("export", ledger, "--output", target)

    assert result.exit_code == 2
    assert result.stderr == (
        f"dateline: unwritable_file: {target!r} cannot be written: No such file or "
        "directory; check the path\n"
    )


# --- faults of the machine ----------------------------------------------------------


@pytest.mark.slow
def test_a_ledger_that_another_writer_keeps_locked_is_a_fault(
    ledger: Path, tmp_path: Path
) -> None:
    before = invoked("export", ledger)
    file = write_lines(tmp_path / "in.jsonl", SAID)

    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = run("import", ledger, file)
        read = run("known", ledger, *ON)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(complaint("ledger_locked"))
    assert result.stderr.count("\n") == 1
    assert (read.returncode, read.stderr) == (0, "")
    assert invoked("export", ledger) == before


@pytest.mark.slow
def test_a_disk_without_room_is_a_fault_and_nothing_is_recorded(
    ledger: Path, tmp_path: Path
) -> None:
    before = invoked("export", ledger)
    many = (
        {"type": "ClaimFramed", "claim": f"c{i}", "text": "It is so. " * 100}
        for i in range(2_000)
    )
    file = write_lines(tmp_path / "in.jsonl", *many)
    room = ledger.stat().st_size + 2**16

    result = run(
        *("import", ledger, file),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("dateline: ")
    assert result.stderr.count("\n") == 1
    assert invoked("export", ledger) == before
    assert "verified 4 events" in invoked("verify", ledger)


_DROP_CAPABILITY = 24  # prctl(2): PR_CAPBSET_DROP
_OVERRIDING_PERMISSIONS = (1, 2)  # capabilities(7): DAC_OVERRIDE, DAC_READ_SEARCH


def heed_permissions() -> None:
    """Make a process of root's obey the permissions of its own files."""
    if os.geteuid() == 0:
        for capability in _OVERRIDING_PERMISSIONS:
            ctypes.CDLL(None).prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


@pytest.fixture
def locked_folder(ledger: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with a ledger that can be read and not written."""
    (folder := tmp_path / "locked").mkdir()
    invoked("backup", ledger, folder / "war.dateline")
    (folder / "war.dateline").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@pytest.mark.slow
def test_a_ledger_that_may_only_be_read_answers_and_records_nothing(
    locked_folder: Path,
) -> None:
    path = locked_folder / "war.dateline"
    heeding: dict[str, Any] = {"preexec_fn": heed_permissions}

    read = run("known", path, *ON, **heeding)
    written = run("import", path, "-", input=json.dumps(SAID), **heeding)
    made = run("init", locked_folder / "new.dateline", **heeding)
    exported = run("export", path, "--output", locked_folder / "out", **heeding)

    assert (read.returncode, read.stderr) == (0, "")
    assert (written.returncode, written.stdout) == (1, "")
    assert written.stderr.startswith(complaint("ledger_read_only"))
    assert (made.returncode, made.stdout, made.stderr.count("\n")) == (1, "", 1)
    assert (exported.returncode, exported.stdout) == (2, "")
    assert exported.stderr.startswith(complaint("unwritable_file"))
    assert [file.name for file in locked_folder.iterdir()] == ["war.dateline"]


@pytest.mark.slow
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "in.jsonl", *GOOD)
    file.chmod(0)

    path = tmp_path / "war.dateline"
    result = run("import", path, file, preexec_fn=heed_permissions)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(complaint("unreadable_file"))
    assert "Permission denied" in result.stderr


def test_damage_is_a_fault_that_verify_names(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        state = json.dumps({"topic": "t", "title": "Another"})
        connection.execute(
            "UPDATE stored_events SET state = ? WHERE rowid = 2", (state,)
        )
        connection.commit()

    result = invoke("verify", ledger)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(complaint("ledger_damaged"))
