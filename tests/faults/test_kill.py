"""kill -9 at random moments: what was acknowledged is there whole, the rest is not."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

import dateline
from dateline import ClaimFramed, Ledger, LedgerOpened
from dateline.domain.errors import LedgerNotFound
from dateline.domain.events import Event
from dateline.domain.recorded import FIRST_HASH, Mark, chain_hash
from dateline.projections.feed import EventFilter, stored
from tests.faults import children
from tests.faults.children import SOURCES, Child, batch, events_of, registrations

pytestmark = pytest.mark.slow

GROWING, FRESH, OTHERS = 150, 50, 8
LINES = 4_000
ON = "2024-10-22"


class Checked:
    """How far a ledger was checked after one kill or another."""

    def __init__(self) -> None:
        self.position, self.hash, self.kills = 0, FIRST_HASH, 0
        self.batches: dict[int, int] = {}
        self.acknowledged: dict[int, int] = {}

    def go_on(self, ledger: Ledger, acknowledged: list[Any]) -> None:
        """Check what came since the last time: chain, batches, and their rows."""
        self.acknowledged |= {n: at for what, n, at in acknowledged if n}
        found: dict[int, list[str]] = {}
        head = ledger.position
        last = 0
        for entry in stored(
            ledger._store,
            EventFilter(),
            after=Mark(self.position, self.hash),
            upto=head,
        ):
            assert entry.position == self.position + 1
            assert entry.hash == chain_hash(self.hash, entry)
            self.position, self.hash = entry.position, entry.hash
            if entry.id.count(":") == 2:
                number = int(entry.id.partition(":")[0])
                found.setdefault(number, []).append(entry.id)
                assert number >= last, "batches are mixed"
                last = number
        assert self.position == head
        for batch_number, ids in found.items():
            self._check_batch(ledger, batch_number, ids)
        missing = set(self.acknowledged) - set(self.batches)
        assert not missing, f"acknowledged, and lost: {sorted(missing)}"
        assert len(self.batches) - len(self.acknowledged) <= self.kills
        assert max(self.acknowledged.values(), default=0) <= head

    def _check_batch(self, ledger: Ledger, number: int, ids: list[str]) -> None:
        assert number not in self.batches
        self.batches[number] = size = int(ids[0].split(":")[1])
        assert ids == [f"{number}:{size}:{index}" for index in range(size)]
        known = ledger.claim(f"c{number}", on=ON)
        assert sorted(known.tally.for_) == sorted(
            f"s{index}" for index in range(1, size)
        )


def acknowledgements(child: Child, until: str, seconds: float) -> list[Any]:
    """Wait for an acknowledgement, then a while; kill; return all that came."""
    came: list[Any] = []
    while not came or came[-1][0] != until:
        came.append(child.receive())
    time.sleep(seconds)
    return came + child.kill()


def test_a_writer_is_killed_while_one_ledger_grows(tmp_path: Path) -> None:
    choose = random.Random(2024)
    target = str(tmp_path / "growing.dateline")
    checked = Checked()
    for kill in range(1, GROWING + 1):
        first = max(checked.batches, default=0) + 1
        with Child(children.record_batches, target, first, kill) as child:
            until = choose.choice(["begun", "opened", "registered", "registered"])
            came = acknowledgements(child, until, choose.uniform(0, 0.06))
        checked.kills = kill
        with dateline.open(target) as ledger:
            checked.go_on(ledger, came)
            if kill % 30 == 0:
                ledger.verify()
    assert len(checked.acknowledged) > GROWING // 10


def test_a_writer_is_killed_while_a_ledger_is_made(tmp_path: Path) -> None:
    choose = random.Random(10)
    made = 0
    for kill in range(FRESH):
        target = tmp_path / f"fresh-{kill}.dateline"
        with Child(children.record_batches, str(target), 1, kill) as child:
            came = acknowledgements(child, "begun", choose.uniform(0, 0.1))
        steps = [what for what, _, _ in came]
        made += "opened" in steps
        with dateline.open(target, create="opened" not in steps) as ledger:
            checked = Checked()
            checked.kills = 1
            checked.go_on(ledger, came)
            registered = len(list(ledger.events(types=["SourceRegistered"])))
            assert registered in ((SOURCES,) if "registered" in steps else (0, SOURCES))
            ledger.record(*registrations(), *batch(99_999, 3))
            ledger.verify()
    assert 0 < made < FRESH


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Write a file of sources and batches, without ids."""
    file = tmp_path / "lines.jsonl"
    events: list[Event] = [
        LedgerOpened(title="lines"),
        *registrations(),
        *(event for number in range(LINES // 20) for event in batch(number, 20)),
    ]
    file.write_text(
        "".join(
            json.dumps(event.model_dump(mode="json", exclude_none=True, exclude={"id"}))
            + "\n"
            for event in events
        )
    )
    return file


@pytest.fixture
def whole(tmp_path: Path, lines: Path) -> tuple[list[dict[str, Any]], float]:
    """Return the ledger of an import that nobody killed, and how long it took."""
    target = str(tmp_path / "lines" / "whole.dateline")
    Path(target).parent.mkdir()
    with Child(children.import_lines, target, str(lines)) as child:
        child.receive()
        seconds = child.receive()
    with dateline.open(target, create=False) as ledger:
        return events_of(ledger), seconds


Whole = tuple[list[dict[str, Any]], float]


def import_and_kill(
    target: Path, lines: Path, seconds: float, batch: int | None = None
) -> bool:
    """Import for so many seconds, then kill; tell whether it was through."""
    with Child(children.import_lines, str(target), str(lines), batch) as child:
        child.receive()
        time.sleep(seconds)
        return bool(child.kill())


def test_an_import_that_is_killed_leaves_all_or_nothing(
    tmp_path: Path, lines: Path, whole: Whole
) -> None:
    events, seconds = whole
    choose = random.Random(11)
    ended = []
    for kill in range(OTHERS):
        target = tmp_path / f"new-{kill}.dateline"
        through = import_and_kill(target, lines, choose.uniform(0, 1.2 * seconds))
        ended.append(target.exists())
        assert target.exists() or not through
        if target.exists():
            with dateline.open(target, create=False) as ledger:
                assert events_of(ledger) == events
    assert not all(ended)

    target = tmp_path / "existing.dateline"
    with dateline.open(target) as ledger:
        ledger.record(ClaimFramed(claim="before", text="Here before.", id="before"))
    for _ in range(OTHERS // 2):
        import_and_kill(target, lines, choose.uniform(0, 0.9 * seconds))
        with dateline.open(target, create=False) as ledger:
            assert ledger.position in (2, len(events) + 1)
            assert len(list(ledger.events())) == ledger.position
    with dateline.open(target, create=False) as ledger:
        ledger.verify()


def test_an_import_in_batches_that_is_killed_is_simply_run_again(
    tmp_path: Path, lines: Path, whole: Whole
) -> None:
    events, seconds = whole
    choose = random.Random(12)
    target = tmp_path / "whole.dateline"
    heads = [0]
    through = False
    while not through:
        wait = choose.uniform(0.1, 0.5 + 0.2 * len(heads)) * seconds
        through = import_and_kill(target, lines, wait, 100)
        try:
            with dateline.open(target, create=False) as ledger:
                heads.append(ledger.position)
        except LedgerNotFound:
            heads.append(0)
    assert heads == sorted(heads)
    assert len(set(heads)) > 2
    with dateline.open(target, create=False) as ledger:
        assert events_of(ledger) == events
        ledger.verify()


def test_a_rebuild_that_is_killed_changes_no_answer(
    tmp_path: Path, lines: Path
) -> None:
    target = tmp_path / "rebuilt.dateline"
    choose = random.Random(13)
    with dateline.open(target) as ledger:
        ledger.record(*registrations(), *(e for n in range(150) for e in batch(n, 20)))
        before = ledger.knowledge_json(on=ON)
    with Child(children.rebuild, str(target), 1) as child:
        child.receive()
        seconds = child.receive()
    for kill in range(OTHERS):
        with Child(children.rebuild, str(target), 1) as child:
            child.receive()
            time.sleep(choose.uniform(0, 1.1 * seconds))
        with dateline.open(target, create=False) as ledger:
            assert ledger.knowledge_json(on=ON) == before
            if kill % 4 == 3:
                ledger.verify()


def test_a_backup_that_is_killed_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    target = tmp_path / "kept.dateline"
    choose = random.Random(14)
    with dateline.open(target) as ledger:
        ledger.record(*registrations())
        for number in range(10):
            texts = [
                ClaimFramed(claim=f"t{number}-{i}", text="x" * 9_000)
                for i in range(200)
            ]
            ledger.record(*texts)
        events = events_of(ledger)
    with Child(children.backup, str(target), [str(tmp_path / "first")]) as child:
        child.receive()
        seconds = child.receive()
    for kill in range(OTHERS):
        copy = tmp_path / f"copy-{kill}"
        with Child(children.backup, str(target), [str(copy)]) as child:
            child.receive()
            time.sleep(choose.uniform(0, seconds))
        if copy.exists():
            with dateline.open(copy, create=False) as ledger:
                assert events_of(ledger) == events
        else:
            with dateline.open(target, create=False) as ledger:
                ledger.backup(copy)
    with dateline.open(copy, create=False) as ledger:
        ledger.verify()
