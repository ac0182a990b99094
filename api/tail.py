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

from dateline.domain.answers import Change
from dateline.domain.errors import DatelineError, LedgerClosed
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import Policy
from dateline.ledger import Ledger
from dateline.projections.feed import EVERYTHING, Facets, Page

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
        Live(entry, facets, ledger.cursor(entry.position))
        for entry, facets in page.told
    ]


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Tail:
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
        elif feed.wait(self.position, _WAIT_SECONDS):
            self.seen = feed.head()
            page = feed.page(
                EVERYTHING, after=self.position, upto=self.seen, facets=True
            )
            self._on_loop(self._take, live_of(self._ledger, page), page.upto)

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
