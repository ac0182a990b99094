"""Group commit: many recordings in one transaction, each as if it were alone."""

import asyncio
import itertools
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2 as httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import DatelineError, Ledger, Receipt
from dateline.domain.errors import LedgerClosed
from dateline.domain.events import Event
from dateline.ledger import command_of
from dateline.projections import committing
from dateline.projections.commands import Command
from dateline.projections.recording import Recording
from dateline.projections.sqlite.store import MEMORY
from dateline.projections.store import Cursor
from tests.api.ops.asking import asking
from tests.api.serving import serving
from tests.builders import (
    Clock,
    asserted,
    filed,
    flat,
    framed,
    linked,
    opened,
    rated,
    refused,
    registered,
    stored,
    voided,
)
from tests.stores import STORES, some_places
from tests.strategies import Script, ledgers
from tests.test_laws import dump_rows

PATIENCE_SECONDS = 60
LATER = "2040-01-01T00:00:00Z"


@pytest.fixture(params=[*STORES, MEMORY])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name a place where no ledger is yet."""
    if request.param == MEMORY:
        yield MEMORY
        return
    with some_places(request.param) as places:
        yield places.new()


@pytest.fixture
def ledger(target: str, clock: Clock) -> Iterator[Ledger]:
    """Open a new ledger, by a clock that stands still."""
    with dateline.open(target, clock=clock) as opened:
        yield opened


def holding(ledger: Ledger) -> tuple[threading.Thread, threading.Event]:
    """Let a thread have the turn to write until it is told to leave."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger.commands.alone():
            inside.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()
    return holder, leave


class Transactions:
    """Counts a ledger's transactions, and does something at the end of one.

    Attributes:
        at_end: called once, within the next transaction, before its commit.
        after: called once, when the next one is committed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.count = 0
        self.at_end: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._writing = ledger._store.writing
        vars(ledger._store)["writing"] = self.writing

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        self.count += 1
        with self._writing() as cursor:
            yield cursor
            at_end, self.at_end = self.at_end, lambda: None
            at_end()
        after, self.after = self.after, lambda: None
        after()


def attempt(action: Callable[..., Any], *arguments: Any) -> Any:
    """Return what comes of an action, or the error."""
    try:
        return action(*arguments)
    except Exception as error:
        return error


def record(ledger: Ledger, *events: Event, key: str | None = None) -> Any:
    """Record, and return the receipt or the error."""
    return attempt(partial(ledger.record, *events, idempotency_key=key))


class Recorders:
    """Threads that record, each one command; what came of each, in their order.

    They come in that order, and wait for the turn that the test has.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._threads: list[threading.Thread] = []
        self.outcomes: list[Any] = []

    def start(self, *events: Event, key: str | None = None) -> None:
        place = len(self.outcomes)
        self.outcomes.append(None)

        def work() -> None:
            self.outcomes[place] = record(self._ledger, *events, key=key)

        before = len(self._ledger.commands._waiting)
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self._ledger.commands._waiting) == before and thread.is_alive():
            assert time.monotonic() < until
            time.sleep(0)

    def join(self) -> list[Any]:
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads)
        return self.outcomes


def told(outcome: Any) -> Any:
    """Return what two outcomes must have in common."""
    if isinstance(outcome, Receipt):
        return outcome
    if isinstance(outcome, DatelineError):
        return outcome.code, str(outcome), outcome.where, outcome.item, outcome.values()
    return outcome


def without_salts(ledger: Ledger) -> list[dict[str, Any]]:
    """Return what is stored after the opening, without what is drawn by lot."""
    return [
        {name: value for name, value in event.items() if name not in ("salts", "hash")}
        for event in stored(ledger)[1:]
    ]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# --- one transaction for many -------------------------------------------------------


def test_many_threads_share_transactions_and_each_is_durable_before_its_answer(
    target: str,
) -> None:
    threads, batches = 16, 25
    ledger = dateline.open(target)
    other = ledger if target == ":memory:" else dateline.open(target, create=False)
    transactions = Transactions(ledger)
    receipts: list[Receipt] = []

    def work(number: int) -> None:
        for batch in range(batches):
            names = [f"t{number}.{batch}.{event}" for event in range(batch % 3 + 1)]
            receipt = ledger.record(
                *(opened(name.replace(".", "-"), id=name) for name in names)
            )
            for name, event in zip(names, receipt.events, strict=True):
                assert other.event(name).position == event.position
                assert other.event(name).recorded_at == receipt.recorded_at
            assert receipt.position == receipt.events[-1].position
            receipts.append(receipt)

    with closing(ledger), closing(other):
        working = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()

        assert len(receipts) == threads * batches
        assert transactions.count < len(receipts)
        receipts.sort(key=lambda receipt: receipt.position)
        moments = [receipt.recorded_at for receipt in receipts]
        assert moments == sorted(set(moments))
        positions = [event.position for receipt in receipts for event in receipt.events]
        assert positions == list(range(2, len(positions) + 2))
        ledger.verify()


def test_who_waits_goes_into_one_transaction_with_a_moment_of_his_own(
    ledger: Ledger, clock: Clock
) -> None:
    transactions = Transactions(ledger)
    recorders = Recorders(ledger)
    opening = ledger.describe()
    with ledger.commands.alone():
        for number in range(20):
            recorders.start(opened(f"a{number}"), opened(f"b{number}"))
    receipts = recorders.join()

    assert transactions.count == 1
    for number, receipt in enumerate(receipts):
        assert receipt.position == opening.position + 2 * (number + 1)
        since = receipt.recorded_at - opening.recorded_at
        assert since.microseconds == number + 1
        knowledge = ledger.knowledge(on="2024-10-20", recorded_by=receipt.recorded_at)
        assert knowledge.basis.position == receipt.position
    ledger.verify()


def test_a_group_is_bounded_in_commands_and_in_events(ledger: Ledger) -> None:
    transactions = Transactions(ledger)
    commands = [command_of(ledger, [opened(f"t{n}")], None) for n in range(600)]
    for command in commands:
        ledger.commands.submit(command)
    ledger.commands.pump()
    assert transactions.count == 3

    for size in (2_000, 2_000, 2_000, 5_000, 1):
        events = [opened(f"s{size}-{len(commands)}-{n}") for n in range(size)]
        commands.append(command_of(ledger, events, None))
        ledger.commands.submit(commands[-1])
    ledger.commands.pump()
    assert transactions.count == 3 + 4
    positions = [command.receipt().position for command in commands]
    assert positions == sorted(positions)
    assert positions[-1] == ledger.position
    ledger.verify()


def test_what_comes_while_another_process_writes_goes_along(tmp_path: Path) -> None:
    target = tmp_path / "war.dateline"
    with dateline.open(target) as ledger:
        transactions = Transactions(ledger)
        recorders = Recorders(ledger)
        with closing(sqlite3.connect(target, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(10):
                recorders.start(opened(f"t{number}"))
            other.execute("COMMIT")
            assert [receipt.position for receipt in recorders.join()] == [*range(2, 12)]
        assert transactions.count == 1


def test_a_command_that_brings_nothing_new_stands_where_it_stood(
    ledger: Ledger,
) -> None:
    old = ledger.record(opened("old"))
    ledger.record(opened("since"))
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        recorders.start(opened("new"))
        recorders.start(opened("old"))
        recorders.start(opened("newest"))
        recorders.start(opened("new"))
        recorders.start()
    new, found, newest, again, empty = recorders.join()
    assert (found.position, found.recorded_at) == (old.position, old.recorded_at)
    assert (again.position, again.recorded_at) == (new.position, new.recorded_at)
    assert [event.new for event in again.events] == [False]
    assert (empty.position, empty.recorded_at) == (newest.position, newest.recorded_at)


def test_a_key_names_a_call_also_within_a_group(ledger: Ledger) -> None:
    ledger.record(registered("seoul"), framed("troops"))
    said = [asserted(said_at="2024-10-20"), asserted(said_at="2024-10-21")]
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        recorders.start(*said, key="monday")
        recorders.start(rated("A"), key="tuesday")
        recorders.start(*said, key="monday")
        recorders.start(rated("B"), key="tuesday")
    first, other, again, conflict = recorders.join()
    assert [event.id for event in again.events] == [
        ledger.retry_id("monday", 0),
        ledger.retry_id("monday", 1),
    ]
    assert [event.position for event in again.events] == [
        event.position for event in first.events
    ]
    assert other.events[0].new
    assert conflict.code == "conflicting_event"
    assert ledger.record(*said, idempotency_key="monday") == again


# --- one bad command among good ones ------------------------------------------------


def test_a_bad_command_fails_alone(ledger: Ledger) -> None:
    ledger.record(registered("seoul"), framed("troops"), opened("settled"))
    transactions = Transactions(ledger)
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        recorders.start(asserted(id="s1"))
        recorders.start(asserted("tanks"))
        recorders.start(opened("a"), opened("b"))
        recorders.start(
            framed("tanks"), asserted("tanks"), opened("settled", title="X")
        )
        recorders.start(asserted("tanks"))
        recorders.start(framed("tanks", text="Other words"))
        recorders.start(asserted("tanks", id="s2"))
        recorders.start(opened("a"))
    outcomes = recorders.join()

    assert transactions.count == 1
    codes = [getattr(outcome, "code", None) for outcome in outcomes]
    assert codes == [
        *(None, "unknown_claim", None, "conflicting_event", "unknown_claim"),
        *(None, None, None),
    ]
    assert (outcomes[1].where, outcomes[1].item) == ("event 1 of 1", 0)
    assert (outcomes[3].where, outcomes[3].item) == ("event 3 of 3", 2)
    assert [event["id"] for event in stored(ledger)[4:]] == [
        event.id
        for outcome in outcomes
        if isinstance(outcome, Receipt)
        for event in outcome.events
        if event.new
    ]
    ledger.verify()


BAD: tuple[Callable[[], list[Event]], ...] = (
    lambda: [asserted("tanks-of-nobody")],
    lambda: [opened("settled", title="Something else")],
    lambda: [opened("settled"), voided("nothing")],
    lambda: [framed("never"), asserted("never", by="nobody")],
    lambda: [
        registered("never"),
        framed("never"),
        asserted("never", by="never"),
        filed("never", "nowhere"),
    ],
    lambda: [
        framed("never"),
        framed("other"),
        linked("never", "other"),
        voided("nothing"),
    ],
    lambda: [*(opened(f"never-{n}") for n in range(40)), asserted("nothing")],
)
"""What fails at once, and what fails when other things were folded for it."""


@settings(max_examples=50)
@given(data=st.data(), script=ledgers())
def test_a_group_is_as_if_each_command_were_alone(
    data: st.DataObject, script: Script
) -> None:
    """The same log, the same rows, the same answers, the same errors."""
    commands: list[list[Event]] = [[opened("settled", id="settled")]]
    for number, batch in enumerate(script.batches):
        if data.draw(st.booleans(), label="is something bad here"):
            commands.append(data.draw(st.sampled_from(BAD))())
        named = [{"id": f"e{number}.{at}", **event} for at, event in enumerate(batch)]
        commands.append([dateline.parse_event(event) for event in named])
        if data.draw(st.booleans(), label="is it sent again"):
            commands.append(commands[-1])
    with (
        dateline.open(":memory:", timezone=script.zone, clock=Clock(LATER)) as grouped,
        dateline.open(":memory:", timezone=script.zone, clock=Clock(LATER)) as alone,
    ):
        transactions = Transactions(grouped)
        waiting = [command_of(grouped, events, None) for events in commands]
        for command in waiting:
            grouped.commands.submit(command)
        grouped.commands.pump()
        together = [attempt(command.receipt) for command in waiting]

        assert transactions.count == 1
        one_by_one = [record(alone, *events) for events in commands]
        assert [told(one) for one in together] == [told(one) for one in one_by_one]
        assert without_salts(grouped) == without_salts(alone)
        assert dump_rows(grouped) == dump_rows(alone)
        grouped.verify()


class Broken(Command):
    """A command about which something unforeseen goes wrong when it is all folded."""

    def run(self, batch: Recording) -> Any:
        super().run(batch)
        raise ZeroDivisionError


def test_what_nobody_foresaw_fails_one_command(ledger: Ledger) -> None:
    transactions = Transactions(ledger)
    commands = [
        command_of(ledger, [framed("a")], None),
        Broken([(framed("b"), None)]),
        command_of(ledger, [framed("b", text="Other words")], None),
        command_of(ledger, [linked("a", "b")], None),
        command_of(ledger, [linked("a", "c")], None),
    ]
    for command in commands:
        ledger.commands.submit(command)
    ledger.commands.pump()

    assert transactions.count == 1 + len(commands)
    with pytest.raises(ZeroDivisionError):
        commands[1].receipt()
    with refused("unknown_claim"):
        commands[4].receipt()
    assert [commands[at].receipt().position for at in (0, 2, 3)] == [2, 3, 4]
    ledger.verify()


def test_a_fault_of_the_database_is_everybodys_and_met_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dateline.ledger.LOCK_TIMEOUT_SECONDS", 1)
    target = tmp_path / "war.dateline"
    with dateline.open(target) as ledger:
        recorders = Recorders(ledger)
        with closing(sqlite3.connect(target, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            transactions = Transactions(ledger)
            with ledger.commands.alone():
                for number in range(20):
                    recorders.start(opened(f"t{number}"))
            outcomes = recorders.join()
        assert transactions.count == 1
        assert {outcome.code for outcome in outcomes} == {"ledger_locked"}
        assert len({id(outcome) for outcome in outcomes}) == len(outcomes)
        assert ledger.position == 1
        assert ledger.record(opened("t0")).events[0].new


# --- the queue is bounded -----------------------------------------------------------


def test_a_full_queue_refuses(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "MOST_COMMANDS", 4)
    recorders = Recorders(ledger)
    with ledger.commands.alone():  # is one of the four
        for number in range(5):
            recorders.start(opened(f"t{number}"))
    outcomes = recorders.join()
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [
        *(None, None, None, "overloaded", "overloaded")
    ]
    assert outcomes[3].fault
    assert ledger.position == 4
    assert ledger.record(opened("t4")).position == 5


def test_events_that_wait_are_bounded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MOST_EVENTS", 100)
    large = [opened(f"large-{number}") for number in range(150)]
    assert ledger.record(*large).position == 151
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        recorders.start(*(opened(f"a{number}") for number in range(60)))
        recorders.start(*(opened(f"b{number}") for number in range(60)))
        recorders.start(*(opened(f"c{number}") for number in range(40)))
    first, second, third = recorders.join()
    assert second.code == "overloaded"
    assert (first.position, third.position) == (211, 251)


def test_who_waits_when_the_ledger_is_closed_is_told(ledger: Ledger) -> None:
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        for number in range(5):
            recorders.start(opened(f"t{number}"))
        handed_in = command_of(ledger, [opened("handed-in")], None)
        ledger.commands.submit(handed_in)
        ledger.close()
    assert [type(outcome) for outcome in recorders.join()] == [LedgerClosed] * 5
    ledger.commands.pump()
    with refused("ledger_closed"):
        handed_in.receipt()


# --- whoever leads may be interrupted -----------------------------------------------


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["at_end", "after"])
def test_a_leader_that_is_interrupted_loses_nobody(ledger: Ledger, moment: str) -> None:
    """Neither before the commit, nor when nobody was told of it yet."""
    ledger.record(registered("seoul"))
    transactions = Transactions(ledger)
    setattr(transactions, moment, interrupt)
    leader = threading.Thread(target=attempt_interrupted, args=(ledger, rated("A")))
    recorders = Recorders(ledger)
    with ledger.commands.alone():
        leader.start()
        wait_for(ledger, 1)
        for reliability in "BABABA":  # each is news, also if it came twice
            recorders.start(rated(reliability))
        recorders.start(asserted("nothing"))
    leader.join()
    *receipts, refusal = recorders.join()

    assert refusal.code == "unknown_claim"
    assert [receipt.events[0].new for receipt in receipts] == [True] * 6
    ratings = [event for event in stored(ledger) if event["type"] == "SourceRated"]
    by_id = {event["id"]: event["position"] for event in ratings}
    assert len(ratings) == len(by_id) == (6 if moment == "at_end" else 7)
    for receipt in receipts:
        assert by_id[receipt.events[0].id] == receipt.position
    ledger.verify()


def attempt_interrupted(ledger: Ledger, *events: Event) -> None:
    with pytest.raises(KeyboardInterrupt):
        ledger.record(*events)


def test_who_waits_may_be_interrupted(ledger: Ledger) -> None:
    recorders = Recorders(ledger)
    holder, leave = holding(ledger)
    recorders.start(opened("before"))
    with interrupted_after(0.2), pytest.raises(KeyboardInterrupt), within(5):
        ledger.record(opened("given-up"))
    recorders.start(opened("behind"))
    leave.set()
    holder.join()
    assert [outcome.position for outcome in recorders.join()] == [2, 3]
    assert ledger.position == 3


OF_A_STORE = "eventsourcing", "sqlite", "psycopg", "contextlib"
"""Where an interrupt may cost the store its connection, whoever leads."""


def is_in_a_store(frame: FrameType | None) -> bool:
    while frame is not None:
        if any(name in frame.f_code.co_filename for name in OF_A_STORE):
            return True
        frame = frame.f_back
    return False


def test_interrupts_at_any_point_lose_nobody_and_keep_nobody() -> None:
    choose = random.Random(4)
    is_armed = is_over = False
    interrupts = 0

    def handle(_: int, frame: FrameType | None) -> None:
        nonlocal is_armed
        if is_armed and is_in_a_store(frame):
            signal.setitimer(signal.ITIMER_REAL, choose.uniform(1e-5, 3e-4))
        elif is_armed:
            is_armed = False
            raise KeyboardInterrupt

    def work(number: int) -> None:
        for count in itertools.count():
            if is_over:
                recorded[number] = count
                break
            assert ledger.record(opened(f"t{number}-{count}")).events[0].new

    recorded: dict[int, int] = {}
    before = signal.signal(signal.SIGALRM, handle)
    try:
        with dateline.open(":memory:") as ledger:
            working = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for thread in working:
                thread.start()
            acknowledged = []
            for count in range(4_000):
                signal.setitimer(signal.ITIMER_REAL, choose.uniform(1e-4, 4e-3))
                try:
                    is_armed = True
                    receipt = ledger.record(opened(f"m-{count}"))
                    is_armed = False
                except KeyboardInterrupt:
                    interrupts += 1
                else:
                    acknowledged.append(receipt.position)
            is_over = True
            for thread in working:
                thread.join(PATIENCE_SECONDS)
            assert interrupts > 50
            assert sorted(recorded) == [0, 1, 2, 3]
            topics = {event.position: event.stored for event in ledger.events(after=1)}
            assert all(topics[at]["topic"].startswith("m") for at in acknowledged)
            others = [t for t in topics.values() if t["topic"].startswith("t")]
            assert len(others) == sum(recorded.values())
            ledger.verify()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Interrupt the main thread after a while, as Ctrl-C does."""

    def handle(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- turns --------------------------------------------------------------------------


def test_turns_are_given_in_the_order_they_were_asked_for(ledger: Ledger) -> None:
    transactions = Transactions(ledger)
    recorders = Recorders(ledger)
    importing = []

    def bring(name: str) -> None:
        with ledger.recording() as batch:
            batch.add(opened(f"{name}-1"))
            batch.add(opened(f"{name}-2"))

    with ledger.commands.alone():
        for name in ("a", "b", "import-1", "c", "import-2", "import-3", "d", "e"):
            if name.startswith("import"):
                importing.append(threading.Thread(target=bring, args=(name,)))
                importing[-1].start()
                wait_for(ledger, len(importing) + len(recorders.outcomes))
            else:
                recorders.start(opened(name))
    for thread in importing:
        thread.join()
    recorders.join()
    assert [event.stored["topic"] for event in ledger.events(after=1)] == [
        *("a", "b", "import-1-1", "import-1-2", "c", "import-2-1", "import-2-2"),
        *("import-3-1", "import-3-2", "d", "e"),
    ]
    assert transactions.count == 6  # a and b are one, and so are d and e


def wait_for(ledger: Ledger, others: int) -> None:
    """Wait until so many others wait behind the turn that the test has."""
    until = time.monotonic() + PATIENCE_SECONDS
    while len(ledger.commands._waiting) <= others:
        assert time.monotonic() < until
        time.sleep(0)


def test_neither_an_import_nor_recorders_starve(ledger: Ledger) -> None:
    ends = threading.Event()
    recorded = [0] * 8

    def hammer(number: int) -> None:
        while not ends.is_set():
            ledger.record(opened(f"t{number}-{recorded[number]}"))
            recorded[number] += 1

    def bring(number: int) -> None:
        for count in range(50):
            with ledger.recording() as batch:
                batch.add(opened(f"i{number}-{count}"))
                time.sleep(0.001)

    hammering = [threading.Thread(target=hammer, args=(n,)) for n in range(8)]
    bringing = [threading.Thread(target=bring, args=(n,)) for n in range(3)]
    for thread in (*hammering, *bringing):
        thread.start()
    for thread in bringing:
        thread.join()
    ends.set()
    for thread in hammering:
        thread.join()
    assert min(recorded) > 5
    ledger.verify()


def test_a_thread_that_records_already_is_told(ledger: Ledger) -> None:
    with ledger.recording() as batch:
        batch.add(opened("a"))
        for attempt in (
            lambda: ledger.record(opened("b")),
            lambda: ledger.recording().__enter__(),
            ledger.rebuild,
        ):
            with pytest.raises(RuntimeError, match="recording already"):
                attempt()
        batch.add(opened("c"))
    assert [event.stored["topic"] for event in ledger.events(after=1)] == ["a", "c"]
    assert ledger.record(opened("b")).position == 4


def test_a_clock_that_records_is_told(target: str) -> None:
    clock = Clock(LATER)

    def recording_clock() -> datetime:
        if not is_opening:
            ledger.record(opened("from-the-clock"))
        return clock()

    is_opening = True
    with dateline.open(target, clock=recording_clock) as ledger:
        is_opening = False
        with pytest.raises(RuntimeError, match="recording already"):
            ledger.record(opened("a"))
        is_opening = True
        assert ledger.record(opened("a")).position == 2


# --- a log that is not what it was --------------------------------------------------


@pytest.mark.parametrize("grown", [0, 1, 2, 30])
def test_a_log_that_went_back_is_noticed(tmp_path: Path, grown: int) -> None:
    """Whether it ends before what was known, there, or beyond, with other events."""
    target, backup = tmp_path / "war.dateline", tmp_path / "backup.dateline"
    with dateline.open(target) as ledger:
        ledger.record(registered("seoul"), framed("troops"))
        ledger.backup(backup)
        ledger.record(framed("lost"), asserted("troops", id="lost"))
        with closing(sqlite3.connect(backup)) as source:
            with closing(sqlite3.connect(target)) as restored:
                source.backup(restored)
        with dateline.open(target) as other:
            for number in range(grown):
                other.record(opened(f"t{number}"))

        with refused("unknown_claim"):
            ledger.record(asserted("lost"))
        receipt = ledger.record(framed("lost", text="Anew"), asserted("lost"))
        assert [event.new for event in receipt.events] == [True, True]
        assert receipt.events[0].position == 4 + grown
        assert ledger.record(asserted("troops")).events[0].new
        ledger.verify()


# --- a server -------------------------------------------------------------------------


IN_JSON = {"Content-Type": "application/json"}


async def posted(url: str, bodies: Sequence[bytes]) -> list[httpx.Response]:
    """Post bodies, all at once; return the answers in the same order."""
    limits = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=PATIENCE_SECONDS, headers=IN_JSON
    ) as client:
        return await asyncio.gather(
            *(client.post("/v1/events", content=body) for body in bodies)
        )


def body(number: int) -> list[dict[str, Any]]:
    """Return one to three events; two bodies of ten end with one that is bad."""
    events = [flat(opened(f"t{number}-{event}")) for event in range(number % 3 + 1)]
    match number % 10:
        case 3:
            events.append({"type": "X"})
        case 7:
            events.append(flat(asserted("nothing")))
    return events


def test_a_server_records_for_all_who_wait_with_one_thread(ledger: Ledger) -> None:
    ledger.record(opened("settled"))
    transactions = Transactions(ledger)
    bodies = [orjson.dumps(body(number)) for number in range(200)]
    clock = ledger.commands._clock
    threads: list[int] = []

    def counting() -> datetime:
        threads.append(threading.active_count())
        return clock()

    ledger.commands._clock = counting
    before = threading.active_count()
    with serving(ledger) as url:
        responses = asyncio.run(posted(url, bodies))

    statuses = [response.status_code for response in responses]
    assert statuses == [422 if number % 10 in (3, 7) else 201 for number in range(200)]
    for number, response in enumerate(responses):
        answer = response.json()
        if number % 10 == 3:
            assert answer["code"] == "unknown_type"
        elif number % 10 == 7:
            size = number % 3 + 2
            assert answer["where"] == f"event {size} of {size}"
            assert (answer["code"], answer["item"]) == ("unknown_claim", size - 1)
        else:
            assert len(answer["events"]) == number % 3 + 1
            assert answer["position"] == answer["events"][-1]["position"]
    assert transactions.count < 150
    assert max(threads) - before <= 4  # the server's, its tail, a pump, a question
    by_position = sorted(
        (answer["position"], answer["recorded_at"])
        for answer in (response.json() for response in responses)
        if "position" in answer and "events" in answer
    )
    moments = [recorded_at for _, recorded_at in by_position]
    assert moments == sorted(set(moments))
    ledger.verify()


def test_a_server_without_a_thread_to_spare_fails_and_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = ledger.commands
    pump = commands.pump

    def fail() -> None:
        monkeypatch.setattr(commands, "pump", pump)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(commands, "pump", fail)
    event = orjson.dumps(flat(opened("t")))
    with asking(ledger) as client:
        response = client.post("/v1/events", content=event, headers=IN_JSON)
        assert (response.status_code, ledger.position) == (500, 1)
        response = client.post("/v1/events", content=event, headers=IN_JSON)
        assert (response.status_code, ledger.position) == (201, 2)


def test_a_server_that_is_overloaded_says_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MOST_COMMANDS", 5)
    bodies = [orjson.dumps(flat(opened(f"t{number}"))) for number in range(12)]
    with serving(ledger) as url:
        holder, leave = holding(ledger)

        async def post() -> list[httpx.Response]:
            posting = asyncio.create_task(posted(url, bodies))
            await asyncio.sleep(1)
            leave.set()
            return await posting

        responses = asyncio.run(post())
        holder.join()
    refusals = [response for response in responses if response.status_code == 503]
    assert {response.status_code for response in responses} == {201, 503}
    assert 3 <= len(responses) - len(refusals) <= 4  # the holder and a pump wait, too
    for response in refusals:
        assert response.json()["code"] == "overloaded"
        assert response.headers["Retry-After"] == "1"
    assert ledger.position == 1 + len(responses) - len(refusals)


def test_a_line_of_a_long_body_that_is_refused_keeps_nobody_back(
    ledger: Ledger,
) -> None:
    """What is sent in parts goes into groups with what others send."""
    lines = b"\n".join(
        orjson.dumps(flat(opened(f"l{number}")) if number % 7 else {"type": "X"})
        for number in range(700)
    )
    transactions = Transactions(ledger)
    with serving(ledger) as url, httpx.Client(base_url=url) as client:
        recorders = Recorders(ledger)
        with ledger.commands.alone():
            posting = threading.Thread(
                target=lambda: answers.append(
                    client.post(
                        "/v1/events?atomic=false",
                        content=lines,
                        headers={"Content-Type": "application/x-ndjson"},
                        timeout=PATIENCE_SECONDS,
                    )
                )
            )
            answers: list[httpx.Response] = []
            posting.start()
            wait_for(ledger, 1)
            recorders.start(opened("other"))
        (receipt,) = recorders.join()
        posting.join()
    *_, end = map(orjson.loads, answers[0].content.splitlines())
    assert (end["new"], end["failed"]) == (600, 100)
    assert receipt.events[0].new
    assert transactions.count == 1
    ledger.verify()
