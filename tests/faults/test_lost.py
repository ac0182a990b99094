"""What once lost a recorded event, or the process: each with the least that does it."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dateline
from dateline import (
    ClaimAsserted,
    ClaimFramed,
    Recorded,
    RecordVoided,
    SourceCorrected,
    SourceRated,
    SourceRegistered,
    TopicOpened,
)
from dateline.domain.errors import DatelineError, LedgerClosed
from dateline.jsonl import import_file

OPEN_AND_CLOSE = "import sys, dateline; dateline.open(sys.argv[1]).close()"
RECORD = (
    "import sys, dateline\n"
    "with dateline.open(sys.argv[1], create=False) as ledger:\n"
    "    print('open', flush=True)\n"
    "    event = dateline.TopicOpened(topic=sys.argv[2], title='acknowledged')\n"
    "    print(ledger.record(event).position, flush=True)\n"
)


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def topic(name: str) -> TopicOpened:
    return TopicOpened(topic=name, title="a title")


def topics_of(ledger: dateline.Ledger) -> list[str]:
    return [
        recorded.event.topic
        for recorded in ledger.events()
        if isinstance(recorded.event, TopicOpened)
    ]


@pytest.mark.slow
def test_a_ledger_opened_twice_by_one_process_keeps_its_locks(tmp_path: Path) -> None:
    """A descriptor of our own, closed, drops every lock the process has on the file:
    the next process to close the ledger then takes away the -wal we write to.
    """
    target = str(tmp_path / "twice.dateline")
    with dateline.open(target) as first, dateline.open(target):
        first.record(topic("before"))
        run(OPEN_AND_CLOSE, target)
        assert Path(f"{target}-wal").exists()
        first.record(topic("here"))
        run(RECORD, target, "there")
        first.record(topic("after"))

    with dateline.open(target, create=False) as ledger:
        assert topics_of(ledger) == ["before", "here", "there", "after"]
        ledger.verify()


@pytest.mark.slow
def test_a_failed_import_takes_away_nothing_that_others_recorded(
    tmp_path: Path,
) -> None:
    """Lines come through a pipe, so that the import is under way for as long as the
    other process needs to find the new ledger, if it can be found.
    """
    target, pipe = str(tmp_path / "new.dateline"), tmp_path / "lines.jsonl"
    os.mkfifo(pipe)
    failed: list[DatelineError] = []

    def importing() -> None:
        with open(pipe, "rb") as file:
            try:
                import_file(target, file, name="lines")
            except DatelineError as error:
                failed.append(error)

    thread = threading.Thread(target=importing)
    thread.start()
    with open(pipe, "wb", buffering=0) as lines:
        lines.write(b'{"type": "TopicOpened", "topic": "imported", "title": "x"}\n')
        time.sleep(0.5)
        other = None
        if Path(target).exists():
            other = subprocess.Popen(
                [sys.executable, "-c", RECORD, target, "other"],
                stdout=subprocess.PIPE,
                text=True,
            )
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            time.sleep(0.3)
        lines.write(b'{"type": "nonsense"}\n')
    thread.join()
    assert [error.code for error in failed] == ["unknown_type"]
    acknowledged = ""
    if other is not None:
        acknowledged, _ = other.communicate(timeout=60)
        if other.returncode:
            acknowledged = ""

    if acknowledged:
        with dateline.open(target, create=False) as ledger:
            assert topics_of(ledger) == ["other"]
    else:
        assert not Path(target).exists()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lines.jsonl"]


def test_an_import_killed_before_its_opening_was_recorded_runs_again(
    tmp_path: Path,
) -> None:
    target, lines = tmp_path / "new.dateline", tmp_path / "lines.jsonl"
    target.touch()
    lines.write_bytes(b'{"type": "TopicOpened", "topic": "imported", "title": "x"}\n')

    with open(lines, "rb") as file:
        import_file(str(target), file, name="lines")

    with dateline.open(target, create=False) as ledger:
        assert topics_of(ledger) == ["imported"]


def test_a_rebuild_does_not_disturb_a_batch_that_waited_for_it() -> None:
    with dateline.open(":memory:") as ledger:
        ledger.record(*(topic(f"old-{number}") for number in range(2_000)))
        alone = ledger.commands.alone

        @contextmanager
        def followed_by_a_nap() -> Iterator[None]:
            """Lose the processor as soon as the turn is handed on."""
            with alone():
                yield
            time.sleep(0.1)

        vars(ledger.commands)["alone"] = followed_by_a_nap
        rebuilt = threading.Thread(target=ledger.rebuild)
        rebuilt.start()
        time.sleep(0.002)
        receipt = ledger.record(*(topic(f"new-{number}") for number in range(4_000)))
        rebuilt.join()

        stored = {recorded.id: recorded.position for recorded in ledger.events()}
        for event in receipt.events:
            assert stored[event.id] == event.position
        ledger.verify()


@pytest.mark.parametrize("voided", ["statement", "rating"])
def test_a_named_void_is_the_first_event_after_opening(
    tmp_path: Path, voided: str
) -> None:
    target = tmp_path / "void.dateline"
    with dateline.open(target) as ledger:
        ledger.record(
            SourceRegistered(source="seoul", name="Seoul"),
            ClaimFramed(claim="troops", text="Troops are there."),
            ClaimAsserted(
                id="statement", claim="troops", source="seoul", said_at="2024-10-20"
            ),
            SourceRated(
                id="rating", source="seoul", reliability=dateline.Reliability.A
            ),
        )
    with dateline.open(target) as ledger:
        ledger.record(RecordVoided(id="void", event=voided, reason="a slip"))
        ledger.record(SourceCorrected(source="seoul", reason="more", country="KR"))
        ledger.verify()


def test_cancelling_an_await_loses_no_event(tmp_path: Path) -> None:
    with dateline.open(tmp_path / "awaited.dateline") as ledger:

        async def record() -> None:
            for number in range(40):
                await asyncio.to_thread(ledger.record, topic(f"t{number}"))
                await asyncio.sleep(0.02)

        async def follow() -> list[int]:
            positions: list[int] = []
            recording = asyncio.create_task(record())
            with ledger.subscribe(after=1) as subscription:
                deadline = time.monotonic() + 20
                while len(positions) < 40 and time.monotonic() < deadline:
                    try:
                        found = await asyncio.wait_for(anext(subscription), 0.01)
                    except TimeoutError:
                        if recording.done() and time.monotonic() > deadline - 17:
                            break
                    else:
                        positions.append(found.position)
                await recording
            return positions

        assert asyncio.run(follow()) == list(range(2, 42))


def test_closing_the_ledger_ends_a_subscription_that_is_catching_up() -> None:
    ledger = dateline.open(":memory:")
    ledger.record(*(topic(f"t{number}") for number in range(3_000)))
    subscription = ledger.subscribe()
    next(subscription)
    ledger.close()
    assert len(list(subscription)) < 3_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", [":memory:", "file"])
def test_closing_under_the_hands_of_other_threads_crashes_nothing(
    tmp_path: Path, kind: str
) -> None:
    """In a process of its own: what this once did was a segmentation fault."""
    target = kind if kind == ":memory:" else str(tmp_path / "{}.dateline")
    run(
        "import sys\n"
        "sys.path[:0] = [sys.argv[1]]\n"
        "from tests.faults.test_lost import close_under_threads\n"
        "for turn in range(20):\n"
        "    close_under_threads(sys.argv[2].format(turn))\n",
        str(Path(__file__).parents[2]),
        target,
    )


def close_under_threads(target: str) -> None:
    ledger = dateline.open(target)
    stop = threading.Event()
    others: list[Exception] = []

    def until_stopped(work: Callable[[int], object]) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                work(turn)
            except LedgerClosed:
                return
            except Exception as error:
                others.append(error)
                return

    def read(_: int) -> list[Recorded]:
        ledger.knowledge_json(on="2024-10-22")
        return list(ledger.events())

    def record(turn: int) -> dateline.Receipt:
        return ledger.record(topic(f"{threading.get_ident()}-{turn}"))

    threads = [
        threading.Thread(target=until_stopped, args=(work,))
        for work in (read, read, read, record, record)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.03)
    ledger.close()
    time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert not others


def test_following_in_memory_waits_for_the_writer() -> None:
    """There SQLite locks whole tables and refuses at once instead of waiting."""
    refused: list[DatelineError] = []
    seen: list[int] = []
    with dateline.open(":memory:") as ledger:

        def follow() -> None:
            try:
                for recorded in ledger.subscribe():
                    seen.append(recorded.position)
                    if recorded.position == 12_001:
                        return
            except DatelineError as error:
                refused.append(error)

        followers = [threading.Thread(target=follow) for _ in range(4)]
        for follower in followers:
            follower.start()
        for batch in range(12):
            ledger.record(*(topic(f"t{batch}-{number}") for number in range(1_000)))
        for follower in followers:
            follower.join(20)
    assert not refused
    assert sorted(seen) == sorted(list(range(1, 12_002)) * 4)


@pytest.mark.slow
def test_a_ledger_opens_and_answers_while_another_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = str(tmp_path / "busy.dateline")
    dateline.open(target).close()
    monkeypatch.setattr("dateline.ledger.LOCK_TIMEOUT_SECONDS", 1)
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys\n"
            "writer = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "writer.execute('BEGIN IMMEDIATE')\n"
            "print('locked', flush=True)\n"
            "sys.stdin.read()\n",
            target,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    assert writer.stdout.readline() == "locked\n"
    try:
        with dateline.open(target, create=False) as ledger:
            assert ledger.position == 1
            with pytest.raises(DatelineError) as refused:
                ledger.record(topic("late"))
            assert refused.value.code == "ledger_locked"
    finally:
        writer.stdin.close()
        writer.wait(30)
        writer.stdout.close()
