"""Fan-out: one tail of the log for each process, and any number of readers.

A wake-up is a hint and the position is the truth. The tail keeps the last events in a
ring. A reader has nothing but its own place: while that is within the ring it takes
its events from there, else it reads them from the ledger until it has caught up. So a
slow reader costs no memory, loses nothing and holds nobody up. Catching up and
following use the same filter.
"""

import asyncio
import threading
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from logging import getLogger
from typing import NamedTuple

from anyio import CapacityLimiter, to_thread

from dateline.cursors import Place
from dateline.domain.answers import Change
from dateline.domain.errors import DatelineError, LedgerClosed
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import Policy
from dateline.ledger import Ledger
from dateline.projections.feed import EVERYTHING, EventFilter, Facets, Page

CATCHING_UP = 4
"""Readers that read from the ledger at once; the others wait their turn."""

_TAIL_WAIT_SECONDS = 0.5
_FAULT_PAUSE_SECONDS = 1.0
_AT_ONCE = 256
_TICKS_OF_A_HEARTBEAT = 8

log = getLogger(__name__)


class Delivered(NamedTuple):
    """An event, where its reader is when it has it, and where the log ends."""

    entry: LogEntry
    cursor: str
    head: int


class Changed(NamedTuple):
    """A change of one claim's status at the far end of public time."""

    change: Change
    position: int
    cursor: str
    head: int


class Heartbeat(NamedTuple):
    """Nothing was wanted for a while; the reader has come this far all the same."""

    cursor: str
    head: int


_Asked = tuple[str | None, Policy]
"""What a reader of changes asks: a topic or all claims, and a policy."""


@dataclass(frozen=True, eq=False)
class Live:
    """An event on its way to readers; all who ask what it changed share the answer."""

    entry: LogEntry
    facets: Facets
    cursor: str
    reckoned: "dict[_Asked, tuple[asyncio.Task[list[list[Change]]], int]]" = field(
        default_factory=dict
    )


class Stretch(NamedTuple):
    """Wanted events in order, how far they reach, and where the log ends."""

    live: Sequence[Live]
    upto: int
    head: int


class Hub:
    """The feeds of one ledger. Its tail runs while there are readers.

    Args:
        ledger: followed also when other processes write to it.
        heartbeat_seconds: after so long without anything wanted a reader is told how
            far it has come.
        ring_events: how many recent events are kept, at least.
    """

    def __init__(
        self, ledger: Ledger, *, heartbeat_seconds: float, ring_events: int
    ) -> None:
        self._ledger = ledger
        self._heartbeat_seconds = heartbeat_seconds
        self._ring_events = ring_events
        self._catching_up = CapacityLimiter(CATCHING_UP)
        self._tail: _Tail | None = None
        self.readers = 0
        self.is_closing = False

    @property
    def lag(self) -> int:
        """How many positions the tail has yet to take in, as far as it has seen."""
        return 0 if self._tail is None else self._tail.seen - self._tail.position

    def close(self) -> None:
        """End all feeds: their iterators stop. Any thread may call it."""
        self.is_closing = True
        if self._tail is not None:
            self._tail.close_soon()

    async def events(
        self, wanted: EventFilter, after: Place
    ) -> AsyncGenerator[Delivered | Heartbeat]:
        """Yield the wanted events after a place, and heartbeats, until the hub closes.

        Raises:
            LedgerFault: the ledger could not be read.
        """
        pulse = _Pulse(self._heartbeat_seconds)
        async with aclosing(self._follow(wanted, after.position, pulse)) as stretches:
            async for stretch in stretches:
                for live in stretch.live:
                    yield Delivered(live.entry, live.cursor, stretch.head)
                if stretch.live:
                    pulse.reset()
                elif pulse.is_due:
                    pulse.reset()
                    yield Heartbeat(self._ledger.cursor(stretch.upto), stretch.head)

    async def changes(
        self, topic: str | None, policy: Policy, after: Place
    ) -> AsyncGenerator[Changed | Heartbeat]:
        """Yield what each event changed, claim by claim, until the hub closes.

        A change at a position is the difference between the one before and it, at the
        far end of public time.

        Raises:
            LedgerFault: the ledger could not be read.
        """
        begin = after.position - (after.claim is not None)
        passed = after.position, after.claim or ""
        pulse = _Pulse(self._heartbeat_seconds)
        async with aclosing(
            self._follow(EVERYTHING, begin, pulse, facets=True)
        ) as stretches:
            async for stretch in stretches:
                for live in stretch.live:
                    for changed in await self._changed(stretch, live, (topic, policy)):
                        if (changed.position, changed.change.id) > passed:
                            pulse.reset()
                            yield changed
                if pulse.is_due and stretch.upto >= after.position:
                    pulse.reset()
                    yield Heartbeat(self._ledger.cursor(stretch.upto), stretch.head)

    async def _changed(
        self, stretch: Stretch, live: Live, asked: _Asked
    ) -> list[Changed]:
        """Return what an event changed; the last one's cursor says all were told."""
        position = live.entry.position
        changes = await self._reckon(stretch.live, live, asked)
        cursors = [self._ledger.cursor(position, change.id) for change in changes[:-1]]
        return [
            Changed(change, position, cursor, stretch.head)
            for change, cursor in zip(changes, [*cursors, live.cursor], strict=False)
        ]

    async def _follow(
        self,
        wanted: EventFilter,
        position: int,
        pulse: "_Pulse",
        *,
        facets: bool = False,
    ) -> AsyncGenerator[Stretch]:
        """Yield stretches of wanted events, empty ones too, no later than is due."""
        tail = self._join()
        try:
            while not (self.is_closing or tail.is_closed):
                live = tail.after(position)
                if live is None:
                    stretch = await self._read(tail, wanted, position, facets=facets)
                elif live:
                    admitted = [
                        one for one in live if wanted.admits(one.entry, one.facets)
                    ]
                    upto = live[-1].entry.position
                    stretch = Stretch(admitted, upto, tail.position)
                elif pulse.is_due:
                    stretch = Stretch((), position, tail.position)
                else:
                    await tail.wait(pulse.due_at)
                    continue
                position = stretch.upto
                yield stretch
        except LedgerClosed:
            return
        finally:
            self._leave(tail)

    def _join(self) -> "_Tail":
        if self._tail is None or self._tail.is_closed:
            self._tail = _Tail(
                self._ledger,
                heartbeat_seconds=self._heartbeat_seconds,
                ring_events=self._ring_events,
            )
        self.readers += 1
        return self._tail

    def _leave(self, tail: "_Tail") -> None:
        self.readers -= 1
        if self.readers == 0:
            tail.close()

    async def _read(
        self, tail: "_Tail", wanted: EventFilter, position: int, *, facets: bool
    ) -> Stretch:
        """Read the next stretch from the ledger, up to where the tail is."""
        await tail.started()

        def read() -> Stretch:
            page = self._ledger.feed.page(
                wanted, after=position, upto=tail.position, facets=facets
            )
            return Stretch(_live(self._ledger, page), page.upto, tail.position)

        return await to_thread.run_sync(
            read, limiter=self._catching_up, abandon_on_cancel=True
        )

    async def _reckon(
        self, stretch: Sequence[Live], live: Live, asked: _Asked
    ) -> list[Change]:
        """Return what an event changed, reckoned once for all who ask it."""
        if not live.facets.claims:
            return []
        if asked not in live.reckoned:
            missing = [
                one
                for one in stretch
                if one.facets.claims and asked not in one.reckoned
            ]
            task = asyncio.ensure_future(self._changes(missing, asked))
            for index, one in enumerate(missing):
                one.reckoned[asked] = task, index
        task, index = live.reckoned[asked]
        try:
            return (await asyncio.shield(task))[index]
        except DatelineError:
            live.reckoned.pop(asked, None)
            raise

    async def _changes(
        self, missing: Sequence[Live], asked: _Asked
    ) -> list[list[Change]]:
        topic, policy = asked
        reckon = partial(self._ledger.feed.changes, topic=topic, policy=policy)
        told = [(one.entry, one.facets) for one in missing]
        return await to_thread.run_sync(reckon, told, limiter=self._catching_up)


def _live(ledger: Ledger, page: Page) -> list[Live]:
    return [
        Live(entry, facets, ledger.cursor(entry.position))
        for entry, facets in page.told
    ]


class _Pulse:
    """Tells when a reader is due for a sign of life."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Begin the pause anew."""
        self.due_at = time.monotonic() + self._seconds

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.due_at


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Tail:
    """Follows the log in a thread, and keeps what is recent in a ring.

    The ring holds every event after ``floor``. All but the thread itself runs on the
    event loop that the tail was made on.
    """

    def __init__(
        self, ledger: Ledger, *, heartbeat_seconds: float, ring_events: int
    ) -> None:
        self._ledger = ledger
        self._ring_events = ring_events
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[asyncio.Future[None], float] = {}
        self._tick_seconds = heartbeat_seconds / _TICKS_OF_A_HEARTBEAT
        self._ticking = self._loop.call_later(self._tick_seconds, self._tick)
        self._started = asyncio.Event()
        self._ended = threading.Event()
        self._ring: list[Live] = []
        self._positions: list[int] = []
        self._floor: int | None = None
        self.position = self.seen = 0
        self.is_closed = False
        threading.Thread(target=self._run, name="dateline-tail", daemon=True).start()

    async def started(self) -> None:
        """Wait until it is known where the log ends."""
        await self._started.wait()

    def after(self, position: int) -> list[Live] | None:
        """Return the next events after a position; None if they left the ring."""
        if self._floor is None or position < self._floor:
            return None
        begin = bisect_right(self._positions, position)
        return self._ring[begin : begin + _AT_ONCE]

    async def wait(self, due_at: float) -> None:
        """Wait for more events, until a moment of the monotonic clock or soon after.

        By hand, since a thousand readers wait for each event: a timer for each, and
        asyncio.wait, took half of the time of a delivery.
        """
        waiter = self._loop.create_future()
        self._waiting[waiter] = due_at
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    def _tick(self) -> None:
        """Wake the readers that are due for a sign of life."""
        now = time.monotonic()
        for waiter, due_at in self._waiting.items():
            if due_at <= now:
                _settle(waiter)
        self._ticking = self._loop.call_later(self._tick_seconds, self._tick)

    def close(self) -> None:
        """Let the thread end and every reader go."""
        self.is_closed = True
        self._ticking.cancel()
        self._ended.set()
        self._started.set()
        self._wake()

    def close_soon(self) -> None:
        """Close from any thread."""
        with suppress(RuntimeError):  # the event loop is gone already
            self._loop.call_soon_threadsafe(self.close)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            _settle(waiter)

    def _begin(self, head: int) -> None:
        self._floor = self.position = self.seen = head
        self._started.set()

    def _take(self, live: list[Live], upto: int) -> None:
        self._ring += live
        self._positions += [one.entry.position for one in live]
        self.position = upto
        if len(self._ring) > 2 * self._ring_events:
            excess = len(self._ring) - self._ring_events
            self._floor = self._positions[excess - 1]
            del self._ring[:excess], self._positions[:excess]
        self._wake()

    # --- the thread -----------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self._look()
                except LedgerClosed:
                    return
                except DatelineError as error:
                    log.error("the feed cannot read the ledger: %s", error)
                    self._ended.wait(_FAULT_PAUSE_SECONDS)
        finally:  # whatever it was, no reader waits for what does not come
            self.close_soon()

    def _look(self) -> None:
        """Wait a while for more of the log, and take it in."""
        feed = self._ledger.feed
        if self._floor is None:
            self._on_loop(self._begin, feed.head())
        elif feed.wait(self.position, _TAIL_WAIT_SECONDS):
            self.seen = feed.head()
            page = feed.page(
                EVERYTHING, after=self.position, upto=self.seen, facets=True
            )
            self._on_loop(self._take, _live(self._ledger, page), page.upto)

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        """Run a call on the event loop, and wait for it: the log outruns no reader."""
        done = threading.Event()

        def run() -> None:
            if not self.is_closed:
                call(*args)
            done.set()

        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:  # the loop is gone, and the readers with it
            self._ended.set()
        while not (self._ended.is_set() or done.wait(_TAIL_WAIT_SECONDS)):
            if self._loop.is_closed():
                self._ended.set()
