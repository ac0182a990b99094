"""Fan-out: one tail of the log for each process, and any number of readers.

The tail keeps the last events in a ring. A reader has nothing but its own place: while
that is within the ring it takes its events from there, else it reads them from the
ledger until it has caught up. So a slow reader costs no memory, loses nothing and holds
nobody up. Catching up and following use the same filter.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

from anyio import CapacityLimiter, to_thread

from dateline.api.tail import Asked, Followed, Live, Tail, live_of
from dateline.cursors import Place
from dateline.domain.answers import Change
from dateline.domain.errors import DatelineError, LedgerClosed
from dateline.domain.recorded import LogEntry, Mark
from dateline.domain.rule import Policy
from dateline.ledger import Ledger
from dateline.projections.feed import EVERYTHING, EventFilter

CATCHING_UP = 4
"""Readers that read from the ledger at once; the others wait their turn."""


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


class Stretch(NamedTuple):
    """Wanted events in order, how far they reach, and where the log ends."""

    live: Sequence[Live]
    reached: Mark
    head: int


class Hub:
    """The feeds of one ledger. Its tail runs while there are readers.

    Args:
        ledger: followed also when other processes write to it.
        heartbeat_seconds: after so long without anything wanted a reader is told how
            far it has come.
        ring_events: how many recent events are kept, at least.
        feed: what the tail follows; default: the ledger itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        heartbeat_seconds: float,
        ring_events: int,
        feed: Followed | None = None,
    ) -> None:
        self._ledger = ledger
        self._feed = feed or ledger.feed
        self._heartbeat_seconds = heartbeat_seconds
        self._ring_events = ring_events
        self._catching_up = CapacityLimiter(CATCHING_UP)
        self._tail: Tail | None = None
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
            HistoryLost: the ledger no longer has what the reader has read.
            LedgerFault: the ledger could not be read.
        """
        pulse = _Pulse(self._heartbeat_seconds)
        async with aclosing(self._follow(wanted, after.mark, pulse)) as stretches:
            async for stretch in stretches:
                for live in stretch.live:
                    yield Delivered(live.entry, live.cursor, stretch.head)
                if stretch.live:
                    pulse.reset()
                elif pulse.is_due:
                    pulse.reset()
                    yield Heartbeat(self._ledger.cursor(stretch.reached), stretch.head)

    async def changes(
        self, topic: str | None, policy: Policy, after: Place
    ) -> AsyncGenerator[Changed | Heartbeat]:
        """Yield what each event changed, claim by claim, until the hub closes.

        A change at a position is the difference between the one before and it, at the
        far end of public time.

        Raises:
            HistoryLost: the ledger no longer has what the reader has read.
            LedgerFault: the ledger could not be read.
        """
        begin = after.mark
        if after.claim is not None:  # the event there is told of in part
            begin = await to_thread.run_sync(
                self._ledger.feed.mark, after.position - 1, limiter=self._catching_up
            )
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
                if pulse.is_due and stretch.reached.position >= after.position:
                    pulse.reset()
                    yield Heartbeat(self._ledger.cursor(stretch.reached), stretch.head)

    async def _changed(
        self, stretch: Stretch, live: Live, asked: Asked
    ) -> list[Changed]:
        """Return what an event changed; the last one's cursor says all were told."""
        mark = live.entry.mark
        changes = await self._reckon(stretch.live, live, asked)
        cursors = [self._ledger.cursor(mark, change.id) for change in changes[:-1]]
        return [
            Changed(change, mark.position, cursor, stretch.head)
            for change, cursor in zip(changes, [*cursors, live.cursor], strict=False)
        ]

    async def _follow(
        self,
        wanted: EventFilter,
        reached: Mark,
        pulse: "_Pulse",
        *,
        facets: bool = False,
    ) -> AsyncGenerator[Stretch]:
        """Yield stretches of wanted events, empty ones too, no later than is due."""
        tail = self._join()
        try:
            while not (self.is_closing or tail.is_closed):
                live = tail.after(reached)
                if live is None:
                    stretch = await self._read(tail, wanted, reached, facets=facets)
                elif live:
                    admitted = [
                        one for one in live if wanted.admits(one.entry, one.facets)
                    ]
                    stretch = Stretch(admitted, live[-1].entry.mark, tail.position)
                elif pulse.is_due:
                    stretch = Stretch((), reached, tail.position)
                else:
                    await tail.wait(pulse.due_at)
                    continue
                reached = stretch.reached
                yield stretch
            if tail.failure is not None:
                raise tail.failure.with_traceback(None)
        except LedgerClosed:
            return
        finally:
            self._leave(tail)

    def _join(self) -> Tail:
        if self._tail is None or self._tail.is_closed:
            self._tail = Tail(
                self._ledger,
                self._feed,
                heartbeat_seconds=self._heartbeat_seconds,
                ring_events=self._ring_events,
            )
        self.readers += 1
        return self._tail

    def _leave(self, tail: Tail) -> None:
        self.readers -= 1
        if self.readers == 0:
            tail.close()

    async def _read(
        self, tail: Tail, wanted: EventFilter, reached: Mark, *, facets: bool
    ) -> Stretch:
        """Read the next stretch from the ledger, up to where the tail is."""
        await tail.started()

        def read() -> Stretch:
            page = self._ledger.feed.page(
                wanted, after=reached, upto=tail.position, facets=facets
            )
            return Stretch(live_of(self._ledger, page), page.reached, tail.position)

        return await to_thread.run_sync(
            read, limiter=self._catching_up, abandon_on_cancel=True
        )

    async def _reckon(
        self, stretch: Sequence[Live], live: Live, asked: Asked
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
        self, missing: Sequence[Live], asked: Asked
    ) -> list[list[Change]]:
        topic, policy = asked
        reckon = partial(self._ledger.feed.changes, topic=topic, policy=policy)
        told = [(one.entry, one.facets) for one in missing]
        return await to_thread.run_sync(reckon, told, limiter=self._catching_up)


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
