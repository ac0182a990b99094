"""What every request may use: the ledger, off the event loop, and what goes with it.

The ledger is synchronous. Questions and recordings run in threads of their own
limits, so that waiting writers leave room for readers. A question is given up when
its time is over; a recording is never cut off.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from dateline.api.hub import Hub
from dateline.api.problems import NotReached, TooSlow
from dateline.api.settings import Settings
from dateline.ledger import Ledger

READERS = 2
"""Questions asked at once: more threads only get in each other's way (benchmarks/)."""
WRITERS = 16

_POLL_SECONDS = 0.02

Answered = TypeVar("Answered")


@dataclass
class Services:
    """One ledger as a server asks it.

    Attributes:
        recorded: told the seconds that each recording took.
    """

    ledger: Ledger
    settings: Settings
    hub: Hub
    recorded: Callable[[float], None] = field(default=lambda seconds: None)
    _readers: CapacityLimiter = field(default_factory=partial(CapacityLimiter, READERS))
    _writers: CapacityLimiter = field(default_factory=partial(CapacityLimiter, WRITERS))

    async def ask(
        self, question: Callable[..., Answered], *args: Any, **kwargs: Any
    ) -> Answered:
        """Run a question in a thread.

        Raises:
            TooSlow: it took longer than ``request_seconds``.
        """
        try:
            with anyio.fail_after(self.settings.request_seconds):
                return await to_thread.run_sync(
                    partial(question, *args, **kwargs),
                    abandon_on_cancel=True,
                    limiter=self._readers,
                )
        except TimeoutError:
            raise TooSlow(
                f"no answer within {self.settings.request_seconds:g} s; ask for less"
            ) from None

    async def record(
        self, recording: Callable[..., Answered], *args: Any, **kwargs: Any
    ) -> Answered:
        """Run a recording in a thread, to its end, and tell how long it took.

        A recording cannot be taken back, so whoever gives it up waits for it; when
        the server is being stopped, it is answered all the same.
        """
        began = time.perf_counter()
        with CancelScope(shield=True):
            running = asyncio.ensure_future(
                to_thread.run_sync(
                    partial(recording, *args, **kwargs), limiter=self._writers
                )
            )
            try:
                outcome = await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.wait([running])
                if not self.hub.is_closing:
                    running.exception()  # seen to, so that nobody is warned of it
                    raise
                outcome = running.result()
            finally:
                self.recorded(time.perf_counter() - began)
        return outcome

    async def reach(self, position: int | None) -> None:
        """Wait until the ledger is at a position, for ``at_least_seconds``.

        Raises:
            NotReached: it was not in time.
        """
        if position is None:
            return
        head = 0
        with anyio.move_on_after(self.settings.at_least_seconds):
            while (head := await self.ask(self.ledger.feed.head)) < position:
                await anyio.sleep(_POLL_SECONDS)
        if head < position:
            raise NotReached(position, head)
