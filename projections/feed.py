"""Following the log: what is stored, then what comes, with no gap and nothing twice.

A wake-up is a hint and the position is the truth: after each one the log is read
from the last position seen. The same filter serves catching up and following.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from dateline.domain.answers import Change
from dateline.domain.errors import LedgerClosed
from dateline.domain.recorded import LogEntry, Recorded
from dateline.domain.rule import Policy
from dateline.domain.times import Zone
from dateline.projections import log
from dateline.projections.asof import AsOf
from dateline.projections.codec import CODEC
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.store import Cursor, Store

_WAIT_SECONDS = 0.5
_HEAD = """
    SELECT head FROM claims
    WHERE topic = ? AND claim = ? AND recorded_from <= ? AND recorded_until > ?
"""


class Facets(NamedTuple):
    """What an event is about, as filters ask it.

    Attributes:
        claims: the claim it is of, the other one that it links, those it promises.
        sources: whose statement, promise or description it is, or is voided by it.
        topics: its own, and those its claims were filed under when it was recorded.
    """

    claims: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()


class Told(NamedTuple):
    """An event as stored, and what it is about."""

    entry: LogEntry
    facets: Facets


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

    @property
    def asks_facets(self) -> bool:
        """Whether it is not enough to know an event's type."""
        return (self.topic, self.claim, self.source) != (None, None, None)

    def admits(self, entry: LogEntry, facets: Facets) -> bool:
        """Tell whether an event is wanted."""
        return (
            (self.types is None or entry.type in self.types)
            and (self.claim is None or self.claim in facets.claims)
            and (self.source is None or self.source in facets.sources)
            and (self.topic is None or self.topic in facets.topics)
        )


EVERYTHING = EventFilter()
"""The filter that admits all."""


def facets_of(cursor: Cursor, entry: LogEntry) -> Facets:
    """Return what an event is about, as of its own position."""
    claims = _claims(entry)
    return Facets(
        frozenset(claims),
        frozenset(_sources(cursor, entry)),
        frozenset(_topics(cursor, entry, claims)),
    )


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


class Page(NamedTuple):
    """A stretch of the log: the wanted events, and the position it was read up to."""

    told: list[Told]
    upto: int


def page(
    store: Store, wanted: EventFilter, *, after: int, upto: int, facets: bool = False
) -> Page:
    """Read the wanted events of the next stretch with after < position ≤ upto.

    A stretch is of at most 1,000 events, wanted or not; ``Page.upto`` is beyond
    ``after``, unless that was not below ``upto``.

    Args:
        facets: whether to say what the events are about, also if no filter asks.
    """
    facets = facets or wanted.asks_facets
    with store.reading() as cursor:
        entries = log.page(cursor, after=after, upto=upto)
        found = [
            Told(entry, facets_of(cursor, entry) if facets else Facets())
            for entry in entries
            if wanted.types is None or entry.type in wanted.types
        ]
    reached = entries[-1].position if entries else max(after, upto)
    return Page([told for told in found if wanted.admits(*told)], reached)


def stored(
    store: Store, wanted: EventFilter, *, after: int, upto: int
) -> Iterator[LogEntry]:
    """Yield the wanted entries with after < position ≤ upto, as stored.

    No transaction stays open between two pages.
    """
    while after < upto:
        found, after = page(store, wanted, after=after, upto=upto)
        yield from (entry for entry, _ in found)


class Feed:
    """The log as a server fans it out: stretches of it, and what they changed."""

    def __init__(self, store: Store, zone: Zone) -> None:
        self._store = store
        self._zone = zone

    def head(self) -> int:
        """Return the last position that the ledger gave."""
        with self._store.reading() as cursor:
            return self._store.last_position(cursor)

    def wait(self, position: int, timeout: float) -> bool:
        """Wait until the head is beyond a position; tell whether it is."""
        return self._store.wait(position, timeout)

    def page(
        self, wanted: EventFilter, *, after: int, upto: int, facets: bool = False
    ) -> Page:
        """Read the wanted events of the next stretch; see :func:`page`."""
        return page(self._store, wanted, after=after, upto=upto, facets=facets)

    def changes(
        self,
        told: Iterable[tuple[LogEntry, Facets]],
        *,
        topic: str | None,
        policy: Policy,
    ) -> list[list[Change]]:
        """Return what each event changed, at the far end of public time, by claim."""
        with self._store.reading() as cursor:
            answers = AsOf(cursor, self._zone, policy)
            return [
                answers.changed(entry.position, facets.claims, topic=topic)
                for entry, facets in told
            ]


class Taken(NamedTuple):
    """What a subscription came upon next, and where it is once that is delivered."""

    recorded: Recorded | None
    position: int
    cursor: str | None = None


class Subscription(ABC):
    """Events after a position, for ever: iterate over it, also with ``async for``.

    ``position`` is the last one passed, also by events that the filter left out: a
    new subscription after it goes on where this one was. Close it, or leave its
    ``with`` block, to end the iteration.
    """

    def __init__(self, after: int) -> None:
        self.position = after
        self._closed = threading.Event()
        self._taking: asyncio.Future[Taken] | None = None

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
            if self._taking is None:
                take = asyncio.to_thread(self._take, _WAIT_SECONDS)
                self._taking = asyncio.ensure_future(take)
            # A cancelled caller leaves what is taken meanwhile to the next one.
            taken = await asyncio.shield(self._taking)
            self._taking = None
            recorded = self._deliver(taken)
            if recorded is not None:
                return recorded
        raise StopAsyncIteration

    def poll(self, timeout: float) -> Recorded | None:
        """Return the next event, waiting up to ``timeout`` seconds for one."""
        return self._deliver(self._take(timeout))

    @abstractmethod
    def _take(self, timeout: float) -> Taken: ...

    def _deliver(self, taken: Taken) -> Recorded | None:
        """Move on; what was taken and not delivered has not been passed."""
        self.position = taken.position
        return taken.recorded

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


class StoredSubscription(Subscription):
    """Follows the log in its store."""

    def __init__(self, store: Store, wanted: EventFilter, *, after: int) -> None:
        super().__init__(after)
        self._store = store
        self._wanted = wanted
        self._reached = after
        self._ready: Iterator[Recorded] = iter(())

    def _take(self, timeout: float) -> Taken:
        recorded = None
        try:
            recorded = next(self._ready, None)
            if recorded is None and self._store.wait(self._reached, timeout):
                self._ready = self._catch_up()
                recorded = next(self._ready, None)
        except LedgerClosed:
            self.close()
        return Taken(recorded, self._reached)

    def _catch_up(self) -> Iterator[Recorded]:
        with self._store.reading() as cursor:
            upto = self._store.last_position(cursor)
        for entry in stored(self._store, self._wanted, after=self._reached, upto=upto):
            self._reached = entry.position
            yield CODEC.decode(entry)
        self._reached = upto
