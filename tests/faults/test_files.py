"""What can lie where a ledger is looked for, and where a backup is put."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import dateline
from dateline.domain.errors import DatelineError, NewerSchema
from dateline.jsonl import import_file
from tests.builders import framed, opened, refused, registered
from tests.faults.children import batch, registrations

ON = "2024-10-31"


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def attempts(target: Path) -> Iterator[str]:
    """Open it in each way there is; return the codes."""
    for create in (True, False):
        try:
            dateline.open(target, create=create).close()
            yield ""
        except DatelineError as error:
            assert str(error).count("\n") == 0
            yield error.code
    try:
        with open(os.devnull, "rb") as nothing:
            import_file(str(target), nothing, name="nothing")
        yield ""
    except DatelineError as error:
        yield error.code


def grown(target: Path, batches: int = 30) -> None:
    """Make a ledger of many pages."""
    with dateline.open(target) as ledger:
        ledger.record(*registrations())
        ledger.record(*(event for n in range(batches) for event in batch(n, 20)))


# --- not a ledger -------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"Dear editor,\n" * 3,
        b"Dear editor,\n" * 3_000,
        b"\0" * 8_192,
        b"SQLite format 3",
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * 5_000,
        b"SQLite format 3\0" + b"\0" * 5_000,
        b'{"type": "TopicOpened", "topic": "t", "title": "x"}\n',
    ],
    ids=lambda content: f"{content[:16]!r}-{len(content)}",
)
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "letter.txt"
    target.write_bytes(content)
    assert set(attempts(target)) == {"not_a_ledger"}
    assert listing(tmp_path) == {"letter.txt": content}


@pytest.mark.parametrize("mode", ["delete", "wal", "wal, open"])
@pytest.mark.parametrize("content", ["CREATE TABLE steps (x)", "VACUUM"])
def test_another_database_is_left_byte_for_byte(
    tmp_path: Path, mode: str, content: str
) -> None:
    target = tmp_path / "bookmarks.sqlite"
    with closing(sqlite3.connect(target, isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 1")
        database.execute(f"PRAGMA journal_mode = {mode.split(',')[0]}")
        database.execute(content)
        if mode != "wal, open":
            database.close()
        before = listing(tmp_path)
        assert set(attempts(target)) == {"not_a_ledger"}
        assert listing(tmp_path) == before


def test_a_folder_a_pipe_and_a_path_through_a_file_are_no_ledgers(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("text")
    for target in (tmp_path, tmp_path / "pipe", tmp_path / "file" / "war.dateline"):
        assert set(attempts(target)) == {"not_a_ledger"}
    assert list(attempts(Path(os.devnull))) == ["not_a_ledger"] * 3


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    target = tmp_path / "none" / "war.dateline"
    assert list(attempts(target)) == [
        "folder_not_found",
        "ledger_not_found",
        "folder_not_found",
    ]
    assert not target.parent.exists()


def test_an_empty_file_becomes_a_ledger_if_one_may_be_made(tmp_path: Path) -> None:
    target = tmp_path / "war.dateline"
    target.touch()
    with refused("ledger_not_found"):
        dateline.open(target, create=False)
    assert listing(tmp_path) == {"war.dateline": b""}
    with dateline.open(target) as ledger:
        assert ledger.verify().events == 1


def test_links_lead_to_one_ledger(tmp_path: Path) -> None:
    target, link = tmp_path / "war.dateline", tmp_path / "link.dateline"
    link.symlink_to(target)
    with dateline.open(link, title="war") as one, dateline.open(target) as other:
        one.record(opened("one"))
        other.record(opened("other"))
        assert one.position == other.position == 3
        one.verify()
    assert [path.name for path in tmp_path.iterdir() if not path.is_symlink()] == [
        "war.dateline"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a ledger",
        "what?",
        "what?mode=memory",
        "50%",
        "%41%00",
        "#1",
        "a&b=c;d",
        "Ünïcode – 記録 – سجل",
        "e\u0301",
        "'quoted' \"twice\"",
        "back\\slash",
        "-dash",
        "new\nline",
        "file:odd",
        "x" * 200,
        ".hidden",
        "memory:",
    ],
)
def test_any_name_that_a_file_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for target in (name, str(tmp_path / name)):
        with dateline.open(target) as ledger:
            ledger.record(opened(f"t{len(target)}"))
        assert os.listdir(tmp_path) == [name]
    with dateline.open(name, create=False) as ledger:
        ledger.verify()
        assert ledger.position == 3
        ledger.backup(f"{name}.copy")
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"{name}.copy"])
    with open(os.devnull, "rb") as nothing:
        import_file(f"{name}.new", nothing, name="nothing")
    with dateline.open(f"{name}.copy", create=False) as ledger:
        assert ledger.verify().events == 3


def test_a_name_that_no_file_can_have_is_a_fault(tmp_path: Path) -> None:
    for name in ("x" * 300, "nul\0byte"):
        found = list(attempts(tmp_path / name))
        assert "" not in found, name


# --- damaged, or of a later release -------------------------------------------------


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_ledger_is_damaged(tmp_path: Path, fraction: float) -> None:
    target = tmp_path / "war.dateline"
    grown(target)
    os.truncate(target, int(target.stat().st_size * fraction))
    content = target.read_bytes()
    with refused("ledger_damaged"):
        with dateline.open(target) as ledger:
            ledger.verify()
    with contextlib.suppress(DatelineError), dateline.open(target) as ledger:
        ledger.record(opened("after"))
    assert target.read_bytes()[100:2_000] == content[100:2_000]


@pytest.mark.parametrize("where", [0.15, 0.35, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("garbage", [b"\xa5" * 4_096, b"\0" * 4_096])
def test_garbage_in_the_middle_is_damage(
    tmp_path: Path, where: float, garbage: bytes
) -> None:
    target = tmp_path / "war.dateline"
    grown(target)
    pages = target.stat().st_size // 4_096
    with open(target, "r+b") as file:
        file.seek(int(pages * where) * 4_096)
        file.write(garbage)
    with refused("ledger_damaged"), dateline.open(target) as ledger:
        ledger.verify()
    # Whatever else is asked of it, no answer is anything but ours.
    with contextlib.suppress(DatelineError), dateline.open(target) as ledger:
        for ask in (
            lambda: ledger.knowledge(on=ON),
            lambda: list(ledger.events()),
            lambda: list(ledger.export()),
            lambda: ledger.timeline("c3"),
            lambda: ledger.changes(("2024-10-01", None), (ON, None)),
            lambda: ledger.record(*batch(3, 20)),
            lambda: ledger.record(opened("more")),
            lambda: ledger.backup(tmp_path / "copy"),
            ledger.rebuild,
        ):
            with contextlib.suppress(DatelineError):
                ask()


def test_a_ledger_of_a_later_release_is_named_and_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "war.dateline"
    dateline.open(target).close()
    with closing(sqlite3.connect(target)) as database:
        database.execute("PRAGMA user_version = 7")
    before = listing(tmp_path)
    with pytest.raises(NewerSchema) as caught:
        dateline.open(target)
    assert (caught.value.found, caught.value.supported) == (7, 2)
    assert set(attempts(target)) == {"newer_schema"}
    assert listing(tmp_path) == before


def test_a_later_release_may_take_a_ledger_over_while_it_is_read(
    tmp_path: Path,
) -> None:
    target = tmp_path / "war.dateline"
    dateline.open(target).close()
    with closing(sqlite3.connect(target)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA user_version = 7")
        assert set(attempts(target)) == {"newer_schema"}


# --- backups ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "ledger", "folder", "link", "itself"])
def test_a_backup_takes_nobodys_place(tmp_path: Path, kind: str) -> None:
    target, copy = tmp_path / "war.dateline", tmp_path / "copy"
    with dateline.open(target) as ledger:
        match kind:
            case "file":
                copy.write_text("a letter")
            case "ledger":
                dateline.open(copy).close()
            case "folder":
                copy.mkdir()
            case "link":
                copy.symlink_to(tmp_path / "nowhere")
            case _:
                copy = target
        before = sorted(os.listdir(tmp_path))
        with refused("ledger_exists"):
            ledger.backup(copy)
        assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("folder", ["none", "war.dateline"])
def test_a_backup_needs_a_folder(tmp_path: Path, folder: str) -> None:
    with dateline.open(tmp_path / "war.dateline") as ledger:
        with refused("folder_not_found"):
            ledger.backup(tmp_path / folder / "copy")
        ledger.record(opened())
    assert os.listdir(tmp_path) == ["war.dateline"]


def test_a_backup_that_cannot_be_begun_is_a_fault(tmp_path: Path) -> None:
    with dateline.open(tmp_path / "war.dateline") as ledger:
        with refused("ledger_fault"):
            ledger.backup(tmp_path / ("x" * 250))


@pytest.mark.parametrize("target", ["war.dateline", ":memory:"])
def test_a_backup_while_others_write_is_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stop = threading.Event()
    acknowledged = [0]
    with dateline.open(target) as ledger:
        ledger.record(*registrations())

        def record() -> None:
            for number in range(1, 400):
                ledger.record(*batch(number, 20))
                acknowledged[0] = number
                if stop.wait(0.01):  # copying from memory needs a pause
                    return

        writer = threading.Thread(target=record)
        writer.start()
        for number in range(3):
            while acknowledged[0] < 4 * (number + 1):
                stop.wait(0.001)
            before = acknowledged[0]
            ledger.backup(f"copy-{number}")
            with dateline.open(f"copy-{number}", create=False) as copy:
                verified = copy.verify()
                batches, rest = divmod(verified.events - 41, 20)
                assert rest == 0
                assert batches >= before
                known = copy.knowledge_json(on=ON)
            assert ledger.knowledge_json(on=ON, recorded_by=verified.position) == known
        stop.set()
        writer.join()
        ledger.verify()
    assert not list(tmp_path.glob("*.partial*"))


def test_a_backup_is_a_ledger_of_its_own(tmp_path: Path) -> None:
    target, copy = tmp_path / "war.dateline", tmp_path / "copy.dateline"
    with dateline.open(target, timezone="Asia/Seoul", title="War") as ledger:
        ledger.record(registered("seoul"), framed("troops"))
        ledger.backup(copy)
        with dateline.open(copy, create=False) as other:
            assert list(other.export()) == list(ledger.export())
            assert (other.title, other.timezone) == ("War", "Asia/Seoul")
            other.record(opened("there"))
            assert ledger.position == 3
            other.verify()
    assert sorted(os.listdir(tmp_path)) == ["copy.dateline", "war.dateline"]
