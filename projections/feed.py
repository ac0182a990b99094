"""Following the log: what is stored, then what comes, with no gap and nothing twice.

A wake-up is a hint and the position is the truth: after each one the log is read
from the last position seen. The same filter serves catching up and following. Whoever
follows knows the hash where they are, and notices if the log has become another one.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from dateline.domain.answers import Change
from dateline.domain.errors import HistoryLost, LedgerClosed, LedgerUnavailable
from dateline.domain.recorded import LogEntry, Mark, Recorded
from dateline.domain.rule import Policy
from dateline.domain.times import Zone
from dateline.projections import log
from dateline.projections.asof import AsOf
from dateline.projections.codec import CODEC
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.store import OPEN_END, Cursor, Store

_WAIT_SECONDS = 0.5
_AWAY_SECONDS = 1.0
_HEAD = """
    SELECT head FROM claims
    WHERE topic = ? AND claim = ? AND recorded_from <= ? AND recorded_until > ?
"""


_logger = getLogger(__name__)


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
    """A stretch of the log: the wanted events, and how far it was read."""

    told: list[Told]
    reached: Mark


def page(
    store: Store, wanted: EventFilter, *, after: Mark, upto: int, facets: bool = False
) -> Page:
    """Read the wanted events of the next stretch with after < position ≤ upto.

    A stretch is of at most 1,000 events, wanted or not; ``Page.reached`` is beyond
    ``after``, unless that was not below ``upto``.

    Args:
        facets: whether to say what the events are about, also if no filter asks.

    Raises:
        HistoryLost: the log has another history than that of ``after``, or does not
            go up to ``upto``.
    """
    facets = facets or wanted.asks_facets
    with store.reading() as cursor:
        _check(cursor, after)
        entries = log.page(cursor, after=after.position, upto=upto)
        end = entries[-1].position if entries else after.position
        is_whole = len(entries) == log.PAGE or end >= upto
        if not is_whole and store.last_position(cursor) < upto:
            raise HistoryLost(upto)
        found = [
            Told(entry, facets_of(cursor, entry) if facets else Facets())
            for entry in entries
            if wanted.types is None or entry.type in wanted.types
        ]
    if entries:
        reached = entries[-1].mark
    else:
        reached = Mark(max(after.position, upto), after.hash)
    return Page([told for told in found if wanted.admits(*told)], reached)


def _check(cursor: Cursor, mark: Mark) -> None:
    if log.mark(cursor, mark.position) != mark:
        raise HistoryLost(mark.position)


def check(store: Store, mark: Mark) -> None:
    """Check that the log has the history that somebody has read; if it can be read.

    Raises:
        HistoryLost: it has another one.
    """
    with suppress(LedgerUnavailable), store.reading() as cursor:
        _check(cursor, mark)


def stored(
    store: Store, wanted: EventFilter, *, after: Mark, upto: int
) -> Iterator[LogEntry]:
    """Yield the wanted entries with after < position ≤ upto, as stored.

    No transaction stays open between two pages.

    Raises:
        HistoryLost: the log has another history than that of what was read before.
    """
    read = page if (wanted.claim or wanted.source) is None else _mentioned
    while after.position < upto:
        found, after = read(store, wanted, after=after, upto=upto)
        yield from (entry for entry, _ in found)


def _mentioned(store: Store, wanted: EventFilter, *, after: Mark, upto: int) -> Page:
    """Read what :func:`page` finds, in stretches as long as there is little to find.

    Only for who reads to the end in one go: a follower's place moves too seldom.
    """
    kind, slug = ("claim", wanted.claim) if wanted.claim else ("source", wanted.source)
    assert slug is not None
    with store.reading() as cursor:
        _check(cursor, after)
        entries = log.mentions(cursor, kind, slug, after=after.position, upto=upto)
        is_whole = len(entries) < log.PAGE
        if is_whole and store.last_position(cursor) < upto:
            raise HistoryLost(upto)
        reached = log.mark(cursor, upto) if is_whole else entries[-1].mark
        found = [Told(entry, facets_of(cursor, entry)) for entry in entries]
    return Page([told for told in found if wanted.admits(*told)], reached)


class Feed:
    """The log as a server fans it out: stretches of it, and what they changed."""

    def __init__(self, store: Store, zone: Zone) -> None:
        self._store = store
        self._zone = zone

    def head(self) -> int:
        """Return the last position that the ledger gave."""
        with self._store.reading() as cursor:
            return self._store.last_position(cursor)

    def last(self, upto: int = OPEN_END) -> LogEntry | None:
        """Return the last event at or before a position."""
        with self._store.reading() as cursor:
            return log.at_position(cursor, upto)

    def mark(self, position: int | None = None) -> Mark:
        """Return which history a reader is in at a position; nothing is the head."""
        with self._store.reading() as cursor:
            if position is None:
                position = self._store.last_position(cursor)
            return log.mark(cursor, position)

    def check(self, mark: Mark) -> None:
        """Check that the log still has what was read; see :func:`check`."""
        check(self._store, mark)

    def wait(self, position: int, timeout: float) -> bool:
        """Wait until the head is beyond a position; tell whether it is."""
        return self._store.wait(position, timeout)

    def page(
        self, wanted: EventFilter, *, after: Mark, upto: int, facets: bool = False
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
    """Follows the log in its store; while that cannot be reached nothing comes."""

    def __init__(self, store: Store, wanted: EventFilter, *, after: Mark) -> None:
        super().__init__(after.position)
        self._store = store
        self._wanted = wanted
        self._reached = after
        self._ready: Iterator[Recorded] = iter(())

    def _take(self, timeout: float) -> Taken:
        recorded = None
        try:
            recorded = next(self._ready, None)
            if recorded is None:
                if self._store.wait(self._reached.position, timeout):
                    self._ready = self._catch_up()
                    recorded = next(self._ready, None)
                else:
                    check(self._store, self._reached)
        except LedgerClosed:
            self.close()
        except HistoryLost:
            self.close()
            raise
        except LedgerUnavailable as error:
            _logger.warning("following goes on when it can: %s", error)
            self._closed.wait(min(timeout, _AWAY_SECONDS))
        return Taken(recorded, self._reached.position)

    def _catch_up(self) -> Iterator[Recorded]:
        with self._store.reading() as cursor:
            upto = self._store.last_position(cursor)
        while self._reached.position < upto:
            told, reached = page(
                self._store, self._wanted, after=self._reached, upto=upto
            )
            for entry, _ in told:
                self._reached = entry.mark
                yield CODEC.decode(entry)
            self._reached = reached
