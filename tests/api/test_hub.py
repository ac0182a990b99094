"""The hub: each reader gets every wanted event once, in order, at its own pace."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest

import dateline
from dateline import ClaimAsserted, Ledger, Policy
from dateline.api.hub import Changed, Delivered, Heartbeat, Hub
from dateline.domain.answers import Change
from dateline.domain.errors import LedgerFault
from dateline.projections.feed import EVERYTHING, EventFilter, Told
from tests.builders import asserted, denied, framed, linked, registered, voided

T = TypeVar("T", Delivered, Changed)
SILENT = 3600.0


def hub_of(ledger: Ledger, *, heartbeat: float = SILENT, ring: int = 4) -> Hub:
    return Hub(ledger, heartbeat_seconds=heartbeat, ring_events=ring)


def said(number: int, source: str = "seoul") -> ClaimAsserted:
    """Say something that nobody said before."""
    return asserted(by=source, id=f"said-{number}")


@pytest.fixture
def begun(ledger: Ledger) -> Iterator[Ledger]:
    """Let there be a claim and two sources, up to position 4."""
    ledger.record(registered("seoul"), registered("moscow"), framed())
    yield ledger


async def take(
    feed: AsyncGenerator[T | Heartbeat, None], count: int, kind: type[T]
) -> list[T]:
    """Take so many of a kind from a feed, and close it."""
    taken: list[T] = []
    async with aclosing(feed):
        async for told in feed:
            if isinstance(told, kind):
                taken.append(told)
                if len(taken) == count:
                    break
    return taken


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.005)


def positions(delivered: list[Delivered]) -> list[int]:
    return [one.entry.position for one in delivered]


def run(main: Coroutine[None, None, list[T]]) -> list[T]:
    return asyncio.run(main)


def test_a_reader_catches_up_then_follows_without_a_gap(begun: Ledger) -> None:
    async def scene() -> None:
        hub = hub_of(begun)
        reading = asyncio.create_task(
            take(hub.events(EVERYTHING, begun.place(0)), 104, Delivered)
        )
        for number in range(100):
            await asyncio.to_thread(begun.record, said(number))
        assert positions(await reading) == list(range(1, 105))
        assert hub.readers == 0

    asyncio.run(scene())


def test_a_reader_that_left_the_ring_is_sent_back_to_the_ledger(begun: Ledger) -> None:
    async def scene() -> None:
        hub = hub_of(begun, ring=2)
        fast = asyncio.create_task(
            take(hub.events(EVERYTHING, begun.place(4)), 60, Delivered)
        )
        slow: list[int] = []
        async with aclosing(hub.events(EVERYTHING, begun.place(4))) as feed:
            for number in range(60):
                await asyncio.to_thread(begun.record, said(number))
            assert positions(await fast) == list(range(5, 65))  # nobody is held up
            async for told in feed:
                assert isinstance(told, Delivered)
                slow.append(told.entry.position)
                if len(slow) == 60:
                    break
        assert slow == list(range(5, 65))

    asyncio.run(scene())


def test_what_another_process_writes_is_delivered(
    begun: Ledger, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub = hub_of(begun)
        with dateline.open(begun.target) as other:
            reading = asyncio.create_task(
                take(hub.events(EVERYTHING, begun.place(4)), 3, Delivered)
            )
            for number in range(3):
                await asyncio.to_thread(other.record, said(number))
            assert positions(await reading) == [5, 6, 7]

    asyncio.run(scene())


def test_a_filter_is_the_same_when_catching_up_and_following(begun: Ledger) -> None:
    async def scene() -> None:
        hub = hub_of(begun, ring=100)
        begun.record(*(said(n, ("seoul", "moscow")[n % 2]) for n in range(10)))
        wanted = begun.event_filter(source="moscow")
        feed = hub.events(wanted, begun.place(0))
        reading = asyncio.create_task(take(feed, 11, Delivered))
        await until(lambda: hub.readers == 1)
        await asyncio.to_thread(
            lambda: begun.record(
                *(said(n, ("seoul", "moscow")[n % 2]) for n in range(10, 20))
            )
        )
        expected = [event.position for event in begun.events(source="moscow")]
        assert positions(await reading) == expected

    asyncio.run(scene())


def test_a_silent_reader_is_told_how_far_it_has_come(begun: Ledger) -> None:
    async def scene() -> Heartbeat:
        hub = hub_of(begun, heartbeat=0.01)
        nothing = EventFilter(types=frozenset())
        async with aclosing(hub.events(nothing, begun.place(0))) as feed:
            async for told in feed:
                assert isinstance(told, Heartbeat)
                return told
        raise AssertionError

    beat = asyncio.run(scene())
    assert beat.head == 4
    assert begun.place(beat.cursor) == begun.place(4)


def test_closing_the_hub_ends_every_feed(begun: Ledger) -> None:
    async def scene() -> None:
        hub = hub_of(begun)

        async def read(feed: AsyncGenerator[object, None]) -> int:
            return len([told async for told in feed])

        feeds = (
            hub.events(EVERYTHING, begun.place(0)),
            hub.changes(None, Policy(), begun.place(0)),
        )
        reading = [asyncio.create_task(read(feed)) for feed in feeds]
        await until(lambda: hub.readers == 2)
        await asyncio.sleep(0.05)
        await asyncio.to_thread(hub.close)
        assert await asyncio.gather(*reading) == [4, 0]
        assert hub.readers == 0

    asyncio.run(scene())


def test_closing_the_ledger_ends_every_feed(tmp_path: Path) -> None:
    async def scene() -> None:
        ledger = dateline.open(tmp_path / "war.dateline")
        hub = hub_of(ledger)
        feed = hub.events(EVERYTHING, ledger.place(0))
        assert isinstance(await anext(feed), Delivered)
        await asyncio.to_thread(ledger.close)
        assert [told async for told in feed] == []

    asyncio.run(scene())


def test_a_new_loop_gets_a_new_tail(begun: Ledger) -> None:
    hub = hub_of(begun)
    for _ in range(2):
        feed = take(hub.events(EVERYTHING, begun.place(0)), 4, Delivered)
        assert positions(run(feed)) == [1, 2, 3, 4]


# --- changes of status -------------------------------------------------------------


def told_of(changed: list[Changed]) -> list[tuple[int, str, str, str]]:
    return [
        (one.position, one.change.id, one.change.before.status, one.change.after.status)
        for one in changed
    ]


def test_changes_are_told_as_the_rule_decides_them(begun: Ledger) -> None:
    begun.record(asserted(id="a"), denied(by="moscow"), asserted(id="again"))
    begun.record(voided("a"), voided("again"))

    feed = hub_of(begun).changes(None, Policy(), begun.place(0))
    changed = run(take(feed, 3, Changed))

    assert told_of(changed) == [
        (5, "troops", "unreported", "asserted"),
        (6, "troops", "asserted", "disputed"),
        (9, "troops", "disputed", "denied"),
    ]


def test_a_cursor_between_two_changes_of_one_event_skips_neither(
    begun: Ledger,
) -> None:
    begun.record(framed("absent"), linked("troops", "absent"), asserted("troops"))
    begun.record(asserted("absent", by="moscow", id="rival"))
    hub = hub_of(begun)

    whole = run(take(hub.changes(None, Policy(), begun.place(0)), 3, Changed))
    assert told_of(whole)[1:] == [
        (8, "absent", "unreported", "asserted"),
        (8, "troops", "asserted", "asserted"),  # contradicted from now on
    ]
    for index in range(3):
        after = begun.place(whole[index].cursor)
        begun.record(asserted(id=f"more-{index}", by="moscow"))
        (following,) = run(take(hub.changes(None, Policy(), after), 1, Changed))
        if index < 2:
            assert following.change == whole[index + 1].change
        else:
            assert following.position > 8


def test_readers_of_the_same_changes_share_the_reckoning(begun: Ledger) -> None:
    async def scene() -> None:
        hub = hub_of(begun, ring=100)
        asked: list[int] = []
        reckon = begun.feed.changes

        def counted(told: Sequence[Told], **asking: Any) -> list[list[Change]]:
            asked.extend(entry.position for entry, _ in told)
            return reckon(told, **asking)

        vars(begun.feed)["changes"] = counted
        place = begun.place(4)
        readings = [
            asyncio.create_task(take(feed, 2, Changed))
            for feed in [hub.changes(None, Policy(), place) for _ in range(20)]
        ]
        await until(lambda: hub.readers == 20)
        await asyncio.sleep(0.05)
        await asyncio.to_thread(lambda: begun.record(asserted()))
        await asyncio.to_thread(lambda: begun.record(denied(by="moscow")))
        for reading in readings:
            assert [one.position for one in await reading] == [5, 6]
        assert sorted(asked) == [5, 6]

    asyncio.run(scene())


# --- faults --------------------------------------------------------------------------


def failing_once(ledger: Ledger, error: Exception) -> None:
    """Let the next wait for news of a ledger fail."""
    wait = ledger.feed.wait
    errors = [error]

    def failing(position: int, timeout: float) -> bool:
        if errors:
            raise errors.pop()
        return wait(position, timeout)

    vars(ledger.feed)["wait"] = failing


def test_a_fault_of_the_ledger_is_waited_out(begun: Ledger) -> None:
    async def scene() -> None:
        failing_once(begun, LedgerFault("the disk is away"))
        feed = hub_of(begun).events(EVERYTHING, begun.place(4))
        reading = asyncio.create_task(take(feed, 1, Delivered))
        await asyncio.to_thread(begun.record, said(1))
        assert positions(await reading) == [5]

    asyncio.run(scene())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_ends_the_feeds_and_the_next_reader_begins_anew(
    begun: Ledger,
) -> None:
    async def scene() -> None:
        failing_once(begun, ZeroDivisionError())
        hub = hub_of(begun)
        feed = hub.events(EVERYTHING, begun.place(0))
        assert len([told async for told in feed]) == 4
        again = await take(hub.events(EVERYTHING, begun.place(0)), 4, Delivered)
        assert positions(again) == [1, 2, 3, 4]
        await until(  # the death of a thread is this test's, and not the next one's
            lambda: all(one.name != "dateline-tail" for one in threading.enumerate())
        )

    asyncio.run(scene())
