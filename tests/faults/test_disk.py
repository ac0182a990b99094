"""Disks that are full, and disks, folders and files that are read-only."""

import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import dateline
from dateline import Ledger, TopicOpened
from dateline.domain.errors import DatelineError, DiskFull
from dateline.domain.events import Event
from dateline.jsonl import import_file
from tests.builders import asserted, framed, opened, refused, registered
from tests.faults.children import Child, code, read_only_codes, refused_as

pytestmark = pytest.mark.slow

NOBODY = 65_534
DISK = 4 * 2**20


def mounted(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Mount a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = getattr(request, "param", DISK)
    if os.geteuid() or not mounted(
        "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)
    ):
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on a disk; return the file that takes it up."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, b"x" * 4_096):
            pass
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return ballast


def big(number: int, events: int = 40) -> list[Event]:
    """Make a batch of 360 kB."""
    return [
        TopicOpened(
            topic=f"t{number}-{index}", title=f"{number}", description="x" * 9_000
        )
        for index in range(events)
    ]


def record_until_full(ledger: Ledger) -> tuple[int, DatelineError]:
    """Record batches until one is refused; return how many were not."""
    for number in range(1_000):
        try:
            ledger.record(*big(number))
        except DatelineError as error:
            return number, error
    raise AssertionError("the disk never filled")


def batches(ledger: Ledger) -> dict[str, int]:
    """Count the events of each batch."""
    counts: dict[str, int] = {}
    for recorded in ledger.events(types=["TopicOpened"]):
        number = recorded.stored["title"]
        counts[number] = counts.get(number, 0) + 1
    return counts


def test_a_full_disk_takes_no_part_of_a_batch(disk: Path) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (DISK // 3))
    with dateline.open(disk / "war.dateline") as ledger:
        ledger.record(registered("seoul"), framed("troops"), asserted(id="first"))
        known = ledger.knowledge_json(on="2024-10-22", recorded_by=4)
        recorded, error = record_until_full(ledger)
        assert isinstance(error, DiskFull)
        assert str(disk) in str(error)
        for _ in range(3):
            with refused("disk_full"):
                ledger.record(*big(999))
        assert batches(ledger) == {str(number): 40 for number in range(recorded)}
        assert ledger.knowledge_json(on="2024-10-22", recorded_by=4) == known
        head = ledger.position
        with dateline.open(disk / "war.dateline", create=False) as other:
            assert other.position == head
        ledger.verify()

        ballast.unlink()
        receipt = ledger.record(asserted(said_at="2024-10-21", id="second"))
        assert receipt.position == head + 1
        assert ledger.record(*big(999, 20)).position == head + 21
        assert ledger.record(asserted(id="first")).events[0].new is False
        ledger.verify()

    with dateline.open(disk / "war.dateline", create=False) as ledger:
        assert ledger.position == head + 21
        ledger.verify()


def test_a_disk_without_any_room_refuses_small_batches_too(disk: Path) -> None:
    target = disk / "war.dateline"
    with dateline.open(target) as ledger:
        ledger.record(registered("seoul"), framed("troops"))
        ballast = fill(disk)
        head, refusals = ledger.position, 0
        for number in range(400):
            try:
                head = ledger.record(opened(f"t{number}")).position
            except DatelineError as error:
                assert error.fault, error
                refusals += 1
        assert refusals > 100
        assert len(list(ledger.events())) == ledger.position == head
        assert code(lambda: ledger.backup(disk / "copy")) == "disk_full"
        assert code(ledger.rebuild) in ("", "disk_full")
        ledger.verify()
    assert not list(disk.glob("copy*"))
    with dateline.open(target, create=False) as ledger:
        assert ledger.position == head
        ledger.verify()
        assert code(lambda: dateline.open(disk / "new.dateline")) != ""
        ballast.unlink()
        assert ledger.record(opened("room")).position == head + 1
        ledger.verify()
    with dateline.open(disk / "new.dateline") as ledger:
        ledger.verify()


@pytest.mark.parametrize("disk", [8 * DISK], indirect=True)
def test_all_who_share_a_transaction_are_told_of_a_full_disk_and_then_go_on(
    disk: Path,
) -> None:
    threads = 8
    together = threading.Barrier(threads + 1)
    codes: list[list[str]] = [[] for _ in range(threads)]
    with dateline.open(disk / "war.dateline") as ledger:

        def write(writer: int) -> None:
            for turn in range(3):
                together.wait()
                for number in range(20):
                    name = f"w{writer}-{turn}-{number}"
                    codes[writer].append(code(partial(ledger.record, opened(name))))
                together.wait()

        writing = [threading.Thread(target=write, args=(n,)) for n in range(threads)]
        for thread in writing:
            thread.start()
        for turn in range(3):
            ballast = fill(disk) if turn == 1 else None
            if ballast is not None:  # until the -wal, which has some room, is full, too
                while not code(lambda: ledger.record(*big(time.monotonic_ns(), 5))):
                    pass
            together.wait()
            together.wait()
            if ballast is not None:
                ballast.unlink()
        for thread in writing:
            thread.join()
        for found in codes:
            assert found[:20] == found[40:] == [""] * 20
            assert set(found[20:40]) <= {"", "disk_full"}
        refused_ones = sum(one == "disk_full" for found in codes for one in found)
        assert refused_ones > threads
        acknowledged = {
            f"w{writer}-{number // 20}-{number % 20}"
            for writer, found in enumerate(codes)
            for number, one in enumerate(found)
            if not one
        }
        there = {
            event.stored["topic"] for event in ledger.events(types=["TopicOpened"])
        }
        assert {name for name in there if name.startswith("w")} == acknowledged
        ledger.verify()


@pytest.mark.parametrize("there", [False, True], ids=["new", "existing"])
def test_a_file_too_large_for_the_disk_is_not_imported(
    tmp_path: Path, disk: Path, there: bool
) -> None:
    lines, target = tmp_path / "lines.jsonl", disk / "war.dateline"
    with open(lines, "wb") as file:
        for number in range(20):
            for event in big(number):
                file.write(event.model_dump_json(exclude_none=True).encode() + b"\n")
    if there:
        with dateline.open(target) as ledger:
            ledger.record(opened("before"))
    before = sorted(path.name for path in disk.iterdir())

    with open(lines, "rb") as file, refused("disk_full"):
        import_file(str(target), file, name="lines")

    assert sorted(path.name for path in disk.iterdir()) == before
    with dateline.open(target) as ledger:
        assert ledger.position == 1 + there
        ledger.record(opened("after"))
        ledger.verify()


def limited(pipe: Connection, target: str) -> None:
    """Record where no file may grow beyond a size, until that is lifted."""
    with dateline.open(target) as ledger:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
        recorded, error = record_until_full(ledger)
        assert error.fault
        assert batches(ledger) == {str(number): 40 for number in range(recorded)}
        ledger.verify()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        ledger.record(*big(998))
        ledger.verify()
        pipe.send((error.code, recorded, ledger.position))


def test_a_file_that_may_not_grow_takes_no_part_of_a_batch(tmp_path: Path) -> None:
    target = tmp_path / "war.dateline"
    with Child(limited, str(target)) as child:
        refusal, recorded, position = child.receive()
    assert refusal in ("disk_full", "ledger_fault")
    with dateline.open(target, create=False) as ledger:
        assert ledger.position == position == 1 + 40 * (recorded + 1)
        ledger.verify()


# --- read-only ----------------------------------------------------------------------

READ_ONLY = {
    "head": 3,
    "events": 3,
    "known": 0,
    "verified": 3,
    "record": "ledger_read_only",
    "rebuild": "ledger_read_only",
    "still": 3,
}


def small(target: Path) -> None:
    with dateline.open(target) as ledger:
        ledger.record(registered("seoul"), framed("troops"))


def test_a_read_only_disk_is_read(disk: Path) -> None:
    target = disk / "war.dateline"
    small(target)
    assert mounted("-o", "remount,ro", str(disk))
    assert read_only_codes(str(target)) == READ_ONLY
    with refused("ledger_read_only"), open(os.devnull, "rb") as nothing:
        import_file(str(target), nothing, name="nothing")
    assert [path.name for path in disk.iterdir()] == ["war.dateline"]
    with pytest.raises(DatelineError) as caught:
        dateline.open(disk / "new.dateline")
    assert caught.value.fault


def test_a_read_only_disk_is_read_after_its_writer_was_killed(disk: Path) -> None:
    target = disk / "war.dateline"
    small(target)
    with Child(record_and_wait, str(target)) as child:
        assert child.receive() == "recorded"
        child.kill()
    assert Path(f"{target}-wal").stat().st_size
    assert mounted("-o", "remount,ro", str(disk))
    expected = READ_ONLY | {"head": 4, "events": 4, "verified": 4, "still": 4}
    assert read_only_codes(str(target)) == expected


def record_and_wait(pipe: Connection, target: str) -> None:
    """Record, and keep the ledger open until killed."""
    with dateline.open(target, create=False) as ledger:
        ledger.record(framed("left-in-the-log"))
        pipe.send("recorded")
        pipe.recv()


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Make a folder that everybody may look into, and nobody but us may write to."""
    if os.geteuid():
        pytest.skip("changing the user needs root")
    folder = tmp_path / "public"
    folder.mkdir()
    for path in (folder, *folder.parents):
        if path.owner() == "root" and path.stat().st_mode & 0o005 != 0o005:
            path.chmod(path.stat().st_mode | 0o005)
    return folder


@pytest.mark.parametrize("kind", ["file", "folder", "both"])
def test_what_somebody_else_may_only_read_is_read(public: Path, kind: str) -> None:
    target = public / "war.dateline"
    small(target)
    target.chmod(0o666 if kind == "folder" else 0o644)
    public.chmod(0o777 if kind == "file" else 0o755)
    with Child(refused_as, str(target), NOBODY) as child:
        assert child.receive() == READ_ONLY
    assert [path.name for path in public.iterdir()] == ["war.dateline"]


def read_along(pipe: Connection, target: str) -> None:
    """As somebody else, read what we record meanwhile."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with dateline.open(target, create=False) as ledger:
        while pipe.recv():
            known = json.loads(ledger.knowledge_json(on="2024-10-22"))
            pipe.send((known["basis"]["position"], len(list(ledger.events()))))


def test_somebody_who_may_only_read_sees_what_is_recorded_since(public: Path) -> None:
    target = public / "war.dateline"
    small(target)
    with Child(read_along, str(target)) as child:

        def seen() -> object:
            child.pipe.send(True)
            return child.receive()

        assert seen() == (3, 3)
        with dateline.open(target, create=False) as ledger:
            ledger.record(opened("one"))
            for suffix in ("-wal", "-shm"):
                Path(f"{target}{suffix}").chmod(0o644)
            assert seen() == (4, 4)
            ledger.record(opened("two"))
            assert seen() == (5, 5)
        assert seen() == (5, 5)
        with dateline.open(target, create=False) as ledger:
            ledger.record(opened("three"))
        assert seen() == (6, 6)


def read_what_vanishes(pipe: Connection, target: str) -> None:
    """As somebody else, read a ledger that is taken away and put back."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with dateline.open(target, create=False) as ledger:
        while pipe.recv():
            pipe.send(code(lambda: ledger.position))


def test_a_file_that_vanishes_under_its_reader_is_a_fault(public: Path) -> None:
    target = public / "war.dateline"
    small(target)
    with Child(read_what_vanishes, str(target)) as child:

        def found() -> object:
            child.pipe.send(True)
            return child.receive()

        assert found() == ""
        target.rename(public / "elsewhere")
        assert found() == "ledger_replaced"
        (public / "elsewhere").rename(target)
        assert found() == ""


def test_a_backup_to_where_one_may_not_write_is_a_fault(public: Path) -> None:
    target = public / "war.dateline"
    small(target)
    (public / "private").mkdir(mode=0o700)
    with Child(back_up_as_nobody, str(target), str(public / "private" / "x")) as child:
        assert child.receive() == "ledger_fault"


def back_up_as_nobody(pipe: Connection, target: str, copy: str) -> None:
    """As somebody else, back up to a folder of ours."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with dateline.open(target, create=False) as ledger:
        pipe.send(code(lambda: ledger.backup(copy)))


def test_a_folder_that_may_not_be_looked_into_is_a_fault(public: Path) -> None:
    target = public / "war.dateline"
    small(target)
    public.chmod(0o700)
    with Child(open_as_nobody, str(target)) as child:
        assert child.receive() == "ledger_fault"


def open_as_nobody(pipe: Connection, target: str) -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    pipe.send(code(lambda: dateline.open(target)))
