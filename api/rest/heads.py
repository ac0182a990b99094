"""Where the ledger ends, looked up once for all who ask at the same time."""

import asyncio
import time
from collections.abc import Callable

from dateline.api.services import Services
from dateline.domain.recorded import BEGINNING, Mark
from dateline.ledger import Ledger
from dateline.points import RecordPoint

_CHECK_SECONDS = 1.0


class Heads:
    """Looks the head up in turns: whoever asks gets one that began afterwards.

    Args:
        lost: called when the ledger no longer has the history that it had.
    """

    def __init__(self, services: Services, lost: Callable[[], None]) -> None:
        self._services = services
        self._lost = lost
        self._seen = self._checked = BEGINNING
        self._check_at = float("-inf")
        self._turn = asyncio.Lock()
        self._coming: asyncio.Task[RecordPoint] | None = None

    async def now(self) -> RecordPoint:
        """Return the head, no older than this call."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._coming)

    async def _look(self) -> RecordPoint:
        async with self._turn:
            self._coming = None
            head = await self._services.ask(Ledger.resolve)
            await self._check(head.mark)
            return head

    async def _check(self, head: Mark) -> None:
        """Notice that the ledger lost its last events: at once, or once it regrew."""
        fell = head.position < self._seen.position
        self._seen = head
        now = time.monotonic()
        if not fell:
            if head == self._checked or now < self._check_at:
                return
            last = self._checked
            found = await self._services.ask(_mark, last.position)
            fell = found != last
        if fell:
            self._lost()
        self._checked, self._check_at = head, now + _CHECK_SECONDS


def _mark(ledger: Ledger, position: int) -> Mark:
    return ledger.feed.mark(position)
