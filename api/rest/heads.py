"""Where the ledger ends, looked up once for all who ask at the same time."""

import asyncio

from dateline.api.services import Services
from dateline.points import RecordPoint


class Heads:
    """Looks the head up in turns: whoever asks gets one that began afterwards."""

    def __init__(self, services: Services) -> None:
        self._services = services
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
            return await self._services.ask(self._services.ledger.resolve)
