"""The end of a log, followed in a thread, and what is recent of it in a ring.

A wake-up is a hint and the position is the truth: what comes next is always read from
the log as what is beyond the last position. Waiting readers are woken on the event
loop, all at once.
"""

import asyncio
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from typing import Protocol

from dateline.domain.answers import Change
from dateline.domain.errors import (
    DatelineError,
    HistoryLost,
    LedgerClosed,
    LedgerReplaced,
)
from dateline.domain.recorded import BEGINNING, LogEntry, Mark
from dateline.domain.rule import Policy
from dateline.ledger import Ledger
from dateline.projections.feed import EVERYTHING, EventFilter, Facets, Page

AT_ONCE = 256
"""Events that a reader takes from the ring before it looks again."""

_WAIT_SECONDS = 0.5
_FAULT_PAUSE_SECONDS = 1.0
_TICKS_OF_A_HEARTBEAT = 8

log = getLogger(__name__)

Asked = tuple[str | None, Policy]
"""What a reader of changes asks: a topic or all claims, and a policy."""


@dataclass(frozen=True, eq=False)
class Live:
    """An event on its way to readers; all who ask what it changed share the answer."""

    entry: LogEntry
    facets: Facets
    cursor: str
    reckoned: "dict[Asked, tuple[asyncio.Task[list[list[Change]]], int]]" = field(
        default_factory=dict
    )


def live_of(ledger: Ledger, page: Page) -> list[Live]:
    """Return the events of a stretch of the log, with their cursors."""
    return [
        Live(entry, facets, ledger.cursor(entry.mark)) for entry, facets in page.told
    ]


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Followed(Protocol):
    """What a tail follows: the ledger's own feed, or what stands in for it."""

    def mark(self) -> Mark: ...
    def head(self) -> int: ...
    def wait(self, position: int, timeout: float) -> bool: ...
    def check(self, mark: Mark) -> None: ...
    def page(
        self, wanted: EventFilter, *, after: Mark, upto: int, facets: bool
    ) -> Page: ...


class Tail:
    """Follows the log in a thread, and keeps what is recent in a ring.

    The ring holds every event after ``floor``. All but the thread itself runs on the
    event loop that the tail was made on.

    Attributes:
        position, seen: up to where the log is taken in, and is known to go.
        failure: why the tail ended by itself, if it did: the log that it followed is
            there no longer.
    """

    def __init__(
        self,
        ledger: Ledger,
        feed: Followed,
        *,
        heartbeat_seconds: float,
        ring_events: int,
    ) -> None:
        self._ledger = ledger
        self._feed = feed
        self._ring_events = ring_events
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[asyncio.Future[None], float] = {}
        self._tick_seconds = heartbeat_seconds / _TICKS_OF_A_HEARTBEAT
        self._ticking = self._loop.call_later(self._tick_seconds, self._tick)
        self._started = asyncio.Event()
        self._ended = threading.Event()
        self._ring: list[Live] = []
        self._positions: list[int] = []
        self._floor: Mark | None = None
        self._reached = BEGINNING
        self.seen = 0
        self.is_closed = False
        self.failure: DatelineError | None = None
        threading.Thread(target=self._run, name="dateline-tail", daemon=True).start()

    async def started(self) -> None:
        """Wait until it is known where the log ends."""
        await self._started.wait()

    @property
    def position(self) -> int:
        return self._reached.position

    def after(self, mark: Mark) -> list[Live] | None:
        """Return the next events of a reader; None if they left the ring.

        Raises:
            HistoryLost: what the reader has read is of another history.
        """
        position, hash = mark
        if self._floor is None or position < self._floor.position:
            return None
        if position > self.position:
            return []
        begin = bisect_right(self._positions, position)
        last = self._ring[begin - 1].entry.mark if begin else self._floor
        if hash != last.hash:
            raise HistoryLost(position)
        return self._ring[begin : begin + AT_ONCE]

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

    def _begin(self, head: Mark) -> None:
        self._floor = self._reached = head
        self.seen = head.position
        self._started.set()

    def _take(self, live: list[Live], reached: Mark) -> None:
        self._ring += live
        self._positions += [one.entry.position for one in live]
        self._reached = reached
        if len(self._ring) > 2 * self._ring_events:
            excess = len(self._ring) - self._ring_events
            self._floor = self._ring[excess - 1].entry.mark
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
                except (HistoryLost, LedgerReplaced) as error:
                    log.error("the feeds end: %s", error)
                    self.failure = error
                    return
                except DatelineError as error:
                    log.error("the feed cannot read the ledger: %s", error)
                    self._ended.wait(_FAULT_PAUSE_SECONDS)
        finally:  # whatever it was, no reader waits for what does not come
            self.close_soon()

    def _look(self) -> None:
        """Wait a while for more of the log, and take it in.

        Raises:
            HistoryLost: there is less of it, or it is another one.
        """
        feed = self._feed
        if self._floor is None:
            self._on_loop(self._begin, feed.mark())
        elif feed.wait(self.position, _WAIT_SECONDS):
            self.seen = feed.head()
            page = feed.page(
                EVERYTHING, after=self._reached, upto=self.seen, facets=True
            )
            self._on_loop(self._take, live_of(self._ledger, page), page.reached)
        else:
            feed.check(self._reached)

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
        while not (self._ended.is_set() or done.wait(_WAIT_SECONDS)):
            if self._loop.is_closed():
                self._ended.set()
