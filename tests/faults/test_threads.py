"""One ledger in the hands of many threads, and subscriptions to it."""

import asyncio
import itertools
import json
import random
import resource
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from inspect import isgenerator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import dateline
from dateline import Ledger, Recorded
from dateline.domain.errors import LedgerClosed
from dateline.domain.events import Event
from dateline.projections.feed import StoredSubscription
from tests.builders import (
    asserted,
    denied,
    filed,
    framed,
    linked,
    opened,
    refused,
    registered,
    unlinked,
    voided,
)
from tests.faults.children import Child, code

ON = "2024-10-31"
THREADS, BATCHES = 8, 12


@pytest.fixture(params=["file", ":memory:"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Open a new ledger in a file, or in memory."""
    target = tmp_path / "war.dateline" if request.param == "file" else ":memory:"
    with dateline.open(target) as opened:
        yield opened


def together(*works: Callable[[], None]) -> list[BaseException]:
    """Run each in a thread of its own; return what they raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def test_eight_threads_record_and_eight_read(ledger: Ledger) -> None:
    ledger.record(
        opened("all"),
        *(registered(f"s{writer}") for writer in range(THREADS)),
        *(framed(f"c{claim}") for claim in range(4)),
    )
    receipts: dict[str, tuple[int, str]] = {}
    answers: dict[int, bytes] = {}
    recording = threading.Event()
    recording.set()

    def write(writer: int) -> Callable[[], None]:
        choose = random.Random(writer)

        def work() -> None:
            for number in range(BATCHES):
                claim, other = choose.sample(["c0", "c1", "c2", "c3"], 2)
                name = f"w{writer}.{number}"
                day = f"2024-10-{choose.randint(1, 30):02}"
                events: list[Event] = [
                    asserted(claim, f"s{writer}", day, id=name),
                    denied(other, f"s{writer}", day, id=f"{name}.denied"),
                    choose.choice([linked, unlinked])(claim, other, id=f"{name}.link"),
                    filed(claim, "all", id=f"{name}.filed"),
                ]
                if number % 3 == 2:
                    events.append(voided(f"w{writer}.{number - 1}", id=f"{name}.void"))
                receipt = ledger.record(*events)
                positions = [event.position for event in receipt.events]
                first = positions[0]
                assert positions == list(range(first, first + len(events)))
                for event in receipt.events:
                    receipts[event.id] = event.position, receipt.recorded_at.isoformat()

        return work

    def read(reader: int) -> Callable[[], None]:
        def work() -> None:
            last = 0
            while recording.is_set():
                answer = ledger.knowledge_json(on=ON)
                position = json.loads(answer)["basis"]["position"]
                assert position >= last
                last = position
                assert answers.setdefault(position, answer) == answer
                match reader % 4:
                    case 0:
                        positions = [event.position for event in ledger.events()]
                        assert positions == list(range(1, len(positions) + 1))
                    case 1:
                        ledger.changes(("2024-10-10", last), (ON, last))
                    case 2:
                        ledger.explain("c1", on=ON)
                    case _:
                        ledger.timeline("c2")

        return work

    def writers() -> None:
        try:
            assert not together(*(write(writer) for writer in range(THREADS)))
        finally:
            recording.clear()

    assert not together(writers, *(read(reader) for reader in range(8)))
    stored = {
        event.id: (event.position, event.recorded_at.isoformat())
        for event in ledger.events()
        if event.id.startswith("w")
    }
    assert stored == receipts
    assert len(answers) > 3
    for position, answer in answers.items():
        assert ledger.knowledge_json(on=ON, recorded_by=position) == answer
    ledger.verify()


def test_a_batch_that_is_refused_is_gone_for_every_thread(ledger: Ledger) -> None:
    """What was folded for it must not be decided on afterwards."""
    ledger.record(registered("seoul"), framed("troops"))
    with refused("unknown_source"):
        ledger.record(
            framed("never"),
            asserted(id="never"),
            asserted(by="nobody"),
        )
    assert ledger.position == 3
    with refused("unknown_claim"):
        ledger.record(asserted("never"))
    receipt = ledger.record(asserted(id="never"))
    assert receipt.events[0].new
    assert receipt.position == 4
    assert ledger.record(framed("never", text="In other words")).events[0].new
    ledger.verify()


def test_a_batch_that_is_broken_off_is_gone(ledger: Ledger) -> None:
    ledger.record(registered("seoul"), framed("troops"))
    for error in (KeyboardInterrupt, SystemExit, ValueError):
        with pytest.raises(error), ledger.recording() as recording:
            recording.add(asserted(id="broken"))
            recording.add(asserted("troops", said_at="2024-10-01", id="late"))
            raise error
    assert ledger.position == 3
    assert ledger.record(asserted(id="broken")).position == 4
    ledger.verify()


def test_a_slow_consumer_holds_a_page_at_a_time(tmp_path: Path) -> None:
    """Nor does it keep a snapshot open, which would let the -wal grow for ever."""
    target = tmp_path / "war.dateline"
    texts = "x" * 2_000
    with dateline.open(target) as ledger:
        for part in range(6):
            ledger.record(
                *(opened(f"t{part}-{n}", description=texts) for n in range(1_000))
            )
        with ledger.subscribe() as subscription:
            positions = [next(subscription).position for _ in range(1_500)]
            assert subscription.position == 1_500
            assert isinstance(subscription, StoredSubscription)
            assert isgenerator(subscription._ready)
            held = subscription._ready.gi_frame
            assert held is not None
            assert held.f_locals["upto"] == 6_001
            for part in range(6, 20):
                ledger.record(
                    *(opened(f"t{part}-{n}", description=texts) for n in range(500))
                )
            wal = Path(f"{target}-wal").stat().st_size
            assert wal < 24 * 2**20, "a reader keeps the log from being taken over"
            positions += [next(subscription).position for _ in range(11_501)]
            assert positions == list(range(1, 13_002))
            assert subscription.poll(0.05) is None


def test_memory_of_a_subscription_does_not_grow_with_the_log(tmp_path: Path) -> None:
    with dateline.open(tmp_path / "war.dateline") as ledger:
        for part in range(10):
            ledger.record(
                *(opened(f"t{part}-{n}", description="x" * 4_000) for n in range(1_000))
            )
        with ledger.subscribe() as subscription:
            next(subscription)
            tracemalloc.start()
            try:
                for _ in itertools.islice(subscription, 9_990):
                    pass
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert peak < 24 * 2**20


def test_closing_the_ledger_ends_waiting_subscriptions(ledger: Ledger) -> None:
    seen: list[list[int]] = [[], [], []]

    def follow(number: int) -> Callable[[], None]:
        subscription = ledger.subscribe()

        def work() -> None:
            seen[number].extend(recorded.position for recorded in subscription)

        return work

    def close() -> None:
        ledger.record(opened("one"))
        deadline = time.monotonic() + 10
        while min(map(len, seen)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        ledger.close()

    begun = time.monotonic()
    assert not together(close, *(follow(number) for number in range(3)))
    assert time.monotonic() - begun < 5
    assert seen == [[1, 2]] * 3


def test_closing_a_subscription_from_another_thread_ends_it(ledger: Ledger) -> None:
    subscription = ledger.subscribe(after=1)
    begun = time.monotonic()

    def close() -> None:
        time.sleep(0.1)
        subscription.close()

    def follow() -> None:
        assert list(subscription) == []

    assert not together(follow, close)
    assert time.monotonic() - begun < 3
    ledger.record(opened("still-open"))
    assert list(subscription) == []
    assert subscription.position == 1


def test_two_tasks_of_one_loop_follow(ledger: Ledger) -> None:
    async def follow(count: int) -> list[int]:
        with ledger.subscribe() as subscription:
            positions = []
            async for recorded in subscription:
                positions.append(recorded.position)
                if len(positions) == count:
                    break
            return positions

    async def both() -> list[list[int]]:
        following = [asyncio.create_task(follow(21)) for _ in range(2)]
        for number in range(20):
            await asyncio.to_thread(ledger.record, opened(f"t{number}"))
        return await asyncio.wait_for(asyncio.gather(*following), 20)

    assert asyncio.run(both()) == [list(range(1, 22))] * 2


def test_a_filter_moves_the_position_over_what_it_leaves_out(ledger: Ledger) -> None:
    ledger.record(
        opened("wanted"),
        registered("seoul"),
        *(framed(f"c{number}") for number in range(2_500)),
        framed("filed", topics=("wanted",)),
    )
    head = ledger.position
    with ledger.subscribe(topic="wanted") as subscription:

        def poll(timeout: float = 0.05) -> Recorded | None:
            return subscription.poll(timeout)

        first, second = poll(), poll()
        assert first is not None and second is not None
        assert (first.position, second.position) == (2, head)
        assert subscription.position == head
        assert poll() is None
        ledger.record(*(framed(f"more{number}") for number in range(10)))
        assert poll() is None
        assert subscription.position == head + 10
        position = subscription.position
        ledger.record(asserted("filed", id="last"))
    with ledger.subscribe(after=position, topic="wanted") as subscription:
        last = poll(5)
        assert last is not None
        assert last.id == "last"

    with ledger.subscribe(types=["ClaimAsserted"]) as subscription:
        assert next(subscription).id == "last"
    with ledger.subscribe(claim="c7", types=["ClaimAsserted"]) as subscription:
        assert poll() is None
        assert subscription.position == ledger.position


def test_stopping_half_way_and_going_on_misses_and_repeats_nothing(
    ledger: Ledger,
) -> None:
    choose = random.Random(3)
    ledger.record(opened("wanted"))
    for part in range(6):
        ledger.record(
            *(
                framed(f"c{part}-{n}", topics=("wanted",) if n % 3 else ())
                for n in range(300)
            )
        )
    wanted = [recorded.position for recorded in ledger.events(topic="wanted")]
    seen: list[int] = []
    after = 0
    while len(seen) < len(wanted):
        with ledger.subscribe(after, topic="wanted") as subscription:
            for _ in range(choose.randint(1, 200)):
                recorded = subscription.poll(2)
                assert recorded is not None, "it was passed over"
                seen.append(recorded.position)
                if len(seen) == len(wanted):
                    break
            after = subscription.position
    assert seen == wanted


def test_a_closed_ledger_refuses_everything(ledger: Ledger) -> None:
    subscription = ledger.subscribe()
    ledger.close()
    ledger.close()
    attempts: list[Callable[[], object]] = [
        lambda: ledger.record(opened()),
        lambda: ledger.record(),
        lambda: ledger.knowledge(on=ON),
        lambda: ledger.timeline("troops"),
        lambda: ledger.position,
        lambda: list(ledger.events()),
        lambda: list(ledger.export()),
        lambda: ledger.subscribe(),
        lambda: ledger.backup("copy"),
        ledger.rebuild,
        ledger.verify,
    ]
    for attempt in attempts:
        with pytest.raises(LedgerClosed):
            attempt()
    assert list(subscription) == []


@pytest.mark.slow
def test_a_writer_that_got_no_connection_gets_one_later(tmp_path: Path) -> None:
    target = str(tmp_path / "war.dateline")
    with Child(run_out_of_files, target) as child:
        assert child.receive() == ["ledger_fault", ""]


def run_out_of_files(pipe: Connection, target: str) -> None:
    """Record while no file can be opened and another thread reads, then again."""
    with dateline.open(target) as ledger:
        with ledger._store.reading():
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            refusals = [code(lambda: ledger.record(opened("one")))]
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        refusals.append(code(lambda: ledger.record(opened("two"))))
    pipe.send(refusals)


def test_two_ledgers_in_memory_are_two() -> None:
    with dateline.open(":memory:", title="one") as one:
        with dateline.open(":memory:", title="two") as two:
            one.record(opened("one"))
            two.record(opened("two"), opened("three"))
            assert (one.position, two.position) == (2, 3)
            assert (one.title, two.title) == ("one", "two")
            assert one.identity != two.identity
        with refused("ledger_closed"):
            two.record(opened("four"))
        assert one.record(opened("four")).position == 3
        one.verify()
    with dateline.open(":memory:", title="one") as again:
        assert again.position == 1
