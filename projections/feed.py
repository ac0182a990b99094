"""Following the log: what is stored, then what comes, with no gap and nothing twice.

A wake-up is a hint and the position is the truth: after each one the log is read
from the last position seen. The same filter serves catching up and following.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

from dateline.domain.errors import LedgerClosed
from dateline.domain.recorded import LogEntry, Recorded
from dateline.projections import log
from dateline.projections.codec import CODEC
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.store import Cursor, Store

_WAIT_SECONDS = 0.5
_HEAD = """
    SELECT head FROM claims
    WHERE topic = ? AND claim = ? AND recorded_from <= ? AND recorded_until > ?
"""


@dataclass(frozen=True)
class EventFilter:
    """Which events are wanted; what is left out admits all.

    Attributes:
        topic: events of the topic, and of the claims filed under it when recorded.
        claim: events of the claim, links to it, promises about it.
        source: events of the source, its statements and promises, and their voids.
        types: names of event types.
    """

    topic: str | None = None
    claim: str | None = None
    source: str | None = None
    types: Collection[str] | None = field(default=None)

    def admits(self, cursor: Cursor, entry: LogEntry) -> bool:
        """Tell whether an event is wanted."""
        if self.types is not None and entry.type not in self.types:
            return False
        if self.topic is None and self.claim is None and self.source is None:
            return True
        claims = _claims(entry)
        if self.claim is not None and self.claim not in claims:
            return False
        if self.source is not None and self.source not in _sources(cursor, entry):
            return False
        return self.topic is None or self.topic in _topics(cursor, entry, claims)


def _claims(entry: LogEntry) -> set[str]:
    fields = entry.fields
    claims = {fields[name] for name in ("claim", "other") if name in fields}
    claims.update(fields.get("claims", ()))
    kind, _, slug = entry.stream.partition(":")
    if kind == "claim":
        claims.add(slug)
    return claims


def _sources(cursor: Cursor, entry: LogEntry) -> set[str]:
    fields: dict[str, Any] = dict(entry.fields)
    if entry.type == "RecordVoided":
        voided = log.by_id(cursor, fields["event"])
        assert voided is not None
        fields = dict(voided.fields)
    return {fields[name] for name in ("source", "awaits") if name in fields}


def _topics(cursor: Cursor, entry: LogEntry, claims: set[str]) -> set[str]:
    topics = set(entry.fields.get("topics", ()))
    if "topic" in entry.fields:
        topics.add(entry.fields["topic"])
    for claim in claims:
        position = entry.position
        row = cursor.execute(_HEAD, (EVERY_CLAIM, claim, position, position)).fetchone()
        if row is not None:
            topics.update(orjson.loads(f"{{{row[0]}}}")["topics"])
    return topics


def stored(
    store: Store, wanted: EventFilter, *, after: int, upto: int
) -> Iterator[LogEntry]:
    """Yield the wanted entries with after < position ≤ upto, as stored.

    No transaction stays open between two pages.
    """
    while after < upto:
        with store.reading() as cursor:
            entries = log.page(cursor, after=after, upto=upto)
            admitted = [entry for entry in entries if wanted.admits(cursor, entry)]
        if not entries:
            return
        after = entries[-1].position
        yield from admitted


class Subscription:
    """Events after a position, for ever: iterate over it, also with ``async for``.

    ``position`` is the last one passed, also by events that the filter left out: a
    new subscription after it goes on where this one was. Close it, or leave its
    ``with`` block, to end the iteration.
    """

    def __init__(self, store: Store, wanted: EventFilter, *, after: int) -> None:
        self.position = after
        self._store = store
        self._wanted = wanted
        self._closed = threading.Event()
        self._ready: Iterator[Recorded] = iter(())
        self._polling: asyncio.Future[Recorded | None] | None = None

    def __iter__(self) -> Iterator[Recorded]:
        return self

    def __next__(self) -> Recorded:
        while not self._closed.is_set():
            recorded = self.poll(_WAIT_SECONDS)
            if recorded is not None:
                return recorded
        raise StopIteration

    def __aiter__(self) -> AsyncIterator[Recorded]:
        return self

    async def __anext__(self) -> Recorded:
        while not self._closed.is_set():
            if self._polling is None:
                poll = asyncio.to_thread(self.poll, _WAIT_SECONDS)
                self._polling = asyncio.ensure_future(poll)
            # A cancelled caller leaves the poll, and the event it finds, to the next.
            recorded = await asyncio.shield(self._polling)
            self._polling = None
            if recorded is not None:
                return recorded
        raise StopAsyncIteration

    def poll(self, timeout: float) -> Recorded | None:
        """Return the next event, waiting up to ``timeout`` seconds for one."""
        recorded = None
        try:
            recorded = next(self._ready, None)
            if recorded is None and self._store.wait(self.position, timeout):
                self._ready = self._catch_up()
                recorded = next(self._ready, None)
        except LedgerClosed:
            self.close()
        return recorded

    def _catch_up(self) -> Iterator[Recorded]:
        with self._store.reading() as cursor:
            upto = self._store.last_position(cursor)
        for entry in stored(self._store, self._wanted, after=self.position, upto=upto):
            self.position = entry.position
            yield CODEC.decode(entry)
        self.position = upto

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
