"""A ledger: record what sources say, ask what was known on a date.

The one way in for programs, the command line and servers alike. Methods check their
arguments, open one snapshot, ask :mod:`dateline.projections`, and name the basis of
the answer.
"""

import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar, cast

import orjson
from pydantic import ValidationError

from dateline.cursors import (
    EntryCursors,
    Pin,
    Place,
    PlaceCursor,
    decode,
    decode_place,
)
from dateline.domain import errors
from dateline.domain.answers import (
    Arrivals,
    Basis,
    Calendar,
    Change,
    Changes,
    ClaimKnowledge,
    ClaimState,
    DocumentState,
    Expectations,
    Explanation,
    Knowledge,
    LedgerState,
    Positions,
    Receipt,
    RecordBasis,
    SearchResults,
    Sources,
    SourceState,
    Timeline,
    Topics,
    TopicState,
    as_json,
)
from dateline.domain.decisions import LEDGER_STREAM
from dateline.domain.events import AnyEvent, Event, LedgerOpened, parse_event
from dateline.domain.recorded import BEGINNING, LogEntry, Mark, Recorded
from dateline.domain.rule import Policy, Status
from dateline.domain.times import Instant, Zone, datetime_of, instant_of
from dateline.points import On, Points, RecordedBy, RecordPoint
from dateline.projections import calendar, log, registers, search, upkeep
from dateline.projections.asof import AsOf
from dateline.projections.book import Book
from dateline.projections.codec import CODEC
from dateline.projections.commands import Command
from dateline.projections.committing import Committing
from dateline.projections.copying import Copied, Copying, back_up
from dateline.projections.feed import (
    EVERYTHING,
    EventFilter,
    Feed,
    StoredSubscription,
    Subscription,
    stored,
)
from dateline.projections.recording import Clock, Kept, Recording, recording
from dateline.projections.store import Cursor, Progress
from dateline.projections.targets import name_of, open_store, printed
from dateline.projections.words import query_of

BATCH_LIMIT = 10_000
"""Events in one call of :meth:`Ledger.record`."""

LOCK_TIMEOUT_SECONDS = 10
"""How long a writer waits for another before it gives up."""

DEFAULT_POLICY = Policy()

_RETRY_NAMESPACE = uuid.UUID("4c5d1f0a-7d7e-5b8e-8a55-0f8f6a1f3c11")

Registered = TypeVar("Registered", SourceState, TopicState)


def _now() -> datetime:
    return datetime.now(UTC)


def _ignore(done: int, total: int) -> None:
    pass


def open(
    target: str | os.PathLike[str],
    *,
    title: str | None = None,
    timezone: str | None = None,
    clock: Clock | None = None,
    create: bool = True,
) -> "Ledger":
    """Open a ledger, or create it if nothing is there.

    Args:
        target: a SQLite file's path, ``:memory:``, or
            ``postgresql://host/database?ledger=NAME``.
        title: of a new ledger; default: the file's name.
        timezone: IANA name of a new ledger's zone; default: UTC. For a ledger that
            is there, title and timezone must be its own.
        clock: returns the present as an aware datetime; default: the system's.
        create: whether a ledger that does not exist is created.

    Raises:
        LedgerNotFound: nothing is there, and ``create`` is false. NotALedger.
        NewerSchema. LedgerMismatch: another title or zone. UnsupportedStore.
    """
    path = os.fspath(target)
    zone = None if timezone is None else Zone(timezone).name
    opening = opening_named(path, title, zone or "UTC") if create else None
    ledger = Ledger(path, opening=opening, clock=clock)
    for name, asked, found in (
        ("title", title, ledger.title),
        ("timezone", zone, ledger.timezone),
    ):
        if asked not in (None, found):
            ledger.close()
            raise errors.LedgerMismatch(
                f"{ledger.target!r} has the {name} {found!r}, not {asked!r}; both are "
                "fixed at creation"
            )
    return ledger


def opening_named(path: str, title: str | None, timezone: str = "UTC") -> LedgerOpened:
    """Return a ledger's first event, titled after its file if need be."""
    if title is not None:
        opening = parse_event(
            {"type": "LedgerOpened", "title": title, "timezone": timezone}
        )
        assert isinstance(opening, LedgerOpened)
        return opening
    try:
        return opening_named(path, name_of(path).strip(": "), timezone)
    except errors.InvalidEvent:  # a name that cannot be a title
        return LedgerOpened(title="ledger", timezone=timezone)


class Ledger:
    """One append-only log of claims and confirmations; made by :func:`open`.

    A ledger may be used by several threads. It is a context manager.

    Args:
        target: a SQLite file's path, ``:memory:``, or
            ``postgresql://host/database?ledger=NAME``.
        opening: the first event, if the ledger is not there yet; without one, it
            must be there.
        kept: the envelope that the first event brings from an export.
        clock: returns the present as an aware datetime.

    Attributes:
        title, timezone: fixed at creation.
        identity: tells this ledger from any other, also of the same title.
        commands: what waits to be recorded, for a server that has no thread for each.
        feed: the log as a server fans it out.
    """

    def __init__(
        self,
        target: str,
        *,
        opening: LedgerOpened | None = None,
        kept: Kept | None = None,
        clock: Clock | None = None,
    ) -> None:
        if opening is not None:
            Zone(opening.timezone)
        self.target = printed(target)
        self._clock = clock or _now
        self._store = open_store(
            target, create=opening is not None, lock_timeout=LOCK_TIMEOUT_SECONDS
        )
        try:
            opened, head = self._opened()
            if opened is None:
                if head:
                    raise errors.LedgerDamaged(
                        f"{self.target!r} has lost its LedgerOpened; restore a backup"
                    )
                if opening is None:
                    raise errors.LedgerNotFound(self.target)
                opened = self._open(opening, kept)
        except BaseException:
            self._store.close()
            raise
        self.title: str = opened.fields["title"]
        self.timezone: str = opened.fields["timezone"]
        self.identity: str = opened.hash[:32]
        self.first_position = opened.position
        self._zone = Zone(self.timezone)
        self._points = Points(self._zone, self._clock)
        self._book = Book(self._store, self._zone)
        self.commands = Committing(self._store, self._book, self._zone, self._clock)
        self.feed = Feed(self._store, self._zone)

    def _opened(self) -> tuple[LogEntry | None, int]:
        """Return the opening and the head of one moment: others may be opening it."""
        with self._store.reading() as cursor:
            opened = next(iter(log.stream(cursor, LEDGER_STREAM)), None)
            return opened, self._store.last_position(cursor)

    def _open(self, opening: LedgerOpened, kept: Kept | None) -> LogEntry:
        zone = Zone(opening.timezone)
        book = Book(self._store, zone)
        with recording(self._store, book, zone, self._clock) as batch:
            if book.opening() is None:  # nobody was faster
                batch.add(opening, kept=kept)
        opened, _ = self._opened()
        assert opened is not None
        return opened

    def close(self) -> None:
        """Close the ledger; subscriptions end."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- recording ----------------------------------------------------------------

    def record(self, *events: Event, idempotency_key: str | None = None) -> Receipt:
        """Record events together: all of them, or none.

        What is in force already is answered with where it stands. The events are
        durable when this returns. What several threads record at the same time shares
        a transaction; each call has its own ``recorded_at``, and fails alone.

        Args:
            idempotency_key: names this call. Called again with the same key, it
                records nothing new, and answers with where the events stand; what
                brings other content then is a conflicting event.

        Raises:
            DatelineError: the first event that cannot be taken, named by ``item``.
            Overloaded: too many calls wait already.
        """
        command = command_of(self, events, idempotency_key)
        self.commands.record(command)
        return command.receipt()

    def retry_id(self, idempotency_key: str | None, index: int) -> str | None:
        """Return the id of the event at an index of what a key names, from 0.

        It is derived (UUID version 5), so that any process gives the same one.
        """
        if idempotency_key is None:
            return None
        name = orjson.dumps([self.identity, idempotency_key, index]).decode()
        return str(uuid.uuid5(_RETRY_NAMESPACE, name))

    def recording(self) -> AbstractContextManager[Recording]:
        """Open a transaction to record events in one by one; see :meth:`record`.

        Other threads wait for its end, in turn; this one must not record otherwise.
        """
        return self.commands.recording()

    # --- asking -------------------------------------------------------------------

    def knowledge(
        self,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        topic: str | None = None,
        policy: Policy | None = None,
        statuses: Collection[Status | str] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Knowledge:
        """Return what was known of a topic's claims, or of all, at a point.

        Args:
            on: public time: a day counts to its end in the ledger's zone.
            recorded_by: record time: position, instant or day; default: the head.
            statuses: return only claims with one of these; counts are of all.
            first: at most so many claims; default: all.
            after: the ``next`` of the page before.
        """
        return Knowledge.model_validate_json(
            self.knowledge_json(
                on=on,
                recorded_by=recorded_by,
                topic=topic,
                policy=policy,
                statuses=statuses,
                first=first,
                after=after,
            )
        )

    def knowledge_json(
        self,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        topic: str | None = None,
        policy: Policy | None = None,
        statuses: Collection[Status | str] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> bytes:
        """Return :meth:`knowledge` as the JSON of the contract, joined from rows."""
        policy = policy or DEFAULT_POLICY
        wanted = (
            None if statuses is None else {status_named(status) for status in statuses}
        )
        _check_first(first)
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            question = self._known(asked.known_until, topic, policy, wanted)
            last = ""
            if after is not None:
                (pin,), last = decode(after, 1, *question)
                asked = self._points.pinned(cursor, asked, pin)
            answers = AsOf(cursor, self._zone, policy)
            found = answers.claims(asked.point, topic=topic)
            if topic is not None and not found:
                answers.check_topic(topic, asked.point.recorded_by)
            possibly_known = answers.possibly_known(asked.point, topic=topic)
        counts: dict[str, int] = {}
        for _, status, _ in found:
            counts[status] = counts.get(status, 0) + 1
        if wanted is not None:
            found = [claim for claim in found if claim.status in wanted]
        if last:
            found = [claim for claim in found if claim.claim > last]
        cursor_text = None
        if first is not None and len(found) > first:
            found = found[:first]
            cursors = EntryCursors.of((asked.moment.mark,), *question)
            cursor_text = cursors.after(found[-1].claim)
        return b"".join(
            (
                b'{"basis":',
                orjson.dumps(as_json(asked.basis(policy))),
                b',"counts":',
                orjson.dumps({s.value: counts[s] for s in Status if s in counts}),
                b',"claims":[',
                ",".join([claim.state for claim in found]).encode(),
                b'],"possibly_known":',
                orjson.dumps(possibly_known),
                b',"next":',
                orjson.dumps(cursor_text),
                b"}",
            )
        )

    def claim(
        self,
        claim: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> ClaimKnowledge:
        """Return one claim's state of knowledge, also while it is unreported.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        policy = policy or DEFAULT_POLICY
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            state = AsOf(cursor, self._zone, policy).claim(asked.point, claim)
        found = ClaimState.model_validate_json(state)
        return ClaimKnowledge.model_construct(
            basis=asked.basis(policy),
            **{name: getattr(found, name) for name in ClaimState.model_fields},
        )

    def timeline(
        self,
        claim: str,
        *,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Timeline:
        """Return a claim's spans of status over all of public time.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        policy = policy or DEFAULT_POLICY
        with self._store.reading() as cursor:
            moment = self._points.resolve(cursor, recorded_by)
            spans = AsOf(cursor, self._zone, policy).timeline(
                claim, recorded_by=moment.position
            )
        return Timeline(claim=claim, basis=_record_basis(moment, policy), spans=spans)

    def changes(
        self,
        before: tuple[On, RecordedBy],
        after: tuple[On, RecordedBy],
        *,
        topic: str | None = None,
        policy: Policy | None = None,
        first: int | None = None,
        cursor: str | None = None,
    ) -> Changes:
        """Return how claims differ between two points, and because of which events.

        Args:
            before: ``(on, recorded_by)``; it may be the later one.
            after: ``(on, recorded_by)``.
            topic: must be known at one of the points.
            first: at most so many claims; default: all.
            cursor: the ``next`` of the page before.
        """
        policy = policy or DEFAULT_POLICY
        _check_first(first)
        with self._store.reading() as snapshot:
            asked = [self._points.asked(snapshot, *point) for point in (before, after)]
            question = self._changed(
                (asked[0].known_until, asked[1].known_until), topic, policy
            )
            last = ""
            if cursor is not None:
                pins, last = decode(cursor, 2, *question)
                asked = [
                    self._points.pinned(snapshot, side, pin)
                    for side, pin in zip(asked, pins, strict=True)
                ]
            points = asked[0].point, asked[1].point
            answers = AsOf(snapshot, self._zone, policy)
            if topic is not None:
                answers.check_topic(topic, *(point.recorded_by for point in points))
            changes: list[Change] = []
            following = None
            for change in answers.changes(*points, topic=topic, beyond=last):
                if first is not None and len(changes) == first:
                    marks = tuple(side.moment.mark for side in asked)
                    cursors = EntryCursors.of(marks, *question)
                    following = cursors.after(changes[-1].id)
                    break
                changes.append(change)
        return Changes(
            from_=asked[0].basis(policy),
            to=asked[1].basis(policy),
            changes=tuple(changes),
            next=following,
        )

    def explain(
        self,
        claim: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Explanation:
        """Return why a claim's status is what it is: standings, origins, the line.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        policy = policy or DEFAULT_POLICY
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            answers = AsOf(cursor, self._zone, policy)
            state = answers.claim(asked.point, claim)
            standings, decided_by, counts = answers.explanation(asked.point, claim)
        return Explanation(
            basis=asked.basis(policy),
            claim=ClaimState.model_validate_json(state),
            standings=standings,
            decided_by=decided_by,
            counts=counts,
        )

    def positions(
        self,
        source: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Positions:
        """Return what a source held on each claim at a point.

        Raises:
            UnknownSource: not registered by ``recorded_by``.
        """
        policy = policy or DEFAULT_POLICY
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            held = AsOf(cursor, self._zone, policy).positions(asked.point, source)
        return Positions(
            basis=asked.basis(policy), source=source, positions=tuple(held)
        )

    def expectations(self, *, on: On, recorded_by: RecordedBy = None) -> Expectations:
        """Return the promised updates at a point: open, fulfilled or lapsed."""
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            answers = AsOf(cursor, self._zone, DEFAULT_POLICY)
            states = answers.expectations(asked.point)
        return Expectations(
            basis=asked.basis(DEFAULT_POLICY), expectations=tuple(states)
        )

    def calendar(
        self,
        *,
        topic: str | None = None,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Calendar:
        """Return the days on which something became known of a topic, or of all.

        There is one for each day at whose end the counts of :meth:`knowledge` or the
        statements are not those of the day before.

        Raises:
            UnknownTopic: not opened by ``recorded_by``.
        """
        policy = policy or DEFAULT_POLICY
        with self._store.reading() as cursor:
            moment = self._points.resolve(cursor, recorded_by)
            self._check_topic(cursor, topic, moment.position)
            days = calendar.days(
                cursor,
                self._zone,
                policy,
                topic=topic,
                recorded_by=moment.position,
            )
        return Calendar(basis=_record_basis(moment, policy), topic=topic, days=days)

    def arrivals(
        self, *, topic: str | None = None, recorded_by: RecordedBy = None
    ) -> Arrivals:
        """Return when each statement on a topic's claims was known, and when recorded.

        The claims are those filed under the topic at ``recorded_by``. Voided
        statements are there too, and marked.

        Raises:
            UnknownTopic: not opened by ``recorded_by``.
        """
        with self._store.reading() as cursor:
            moment = self._points.resolve(cursor, recorded_by)
            self._check_topic(cursor, topic, moment.position)
            found = calendar.arrivals(cursor, topic=topic, recorded_by=moment.position)
        basis = _record_basis(moment, DEFAULT_POLICY)
        return Arrivals(basis=basis, topic=topic, arrivals=found)

    def search(
        self,
        words: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        topic: str | None = None,
        policy: Policy | None = None,
        first: int | None = 50,
        after: str | None = None,
    ) -> SearchResults:
        """Find reported claims, sources and quotes in which all of some words stand.

        Case and accents do not count, and the last word may be the beginning of one.
        Nothing in ``words`` is syntax.

        Args:
            words: at least one, at most :data:`~dateline.projections.words.MOST_WORDS`.
            on: public time: a day counts to its end in the ledger's zone.
            recorded_by: record time: position, instant or day; default: the head.
            topic: only its claims, quotes on them, and sources that spoke of them.
            first: at most so many results; None: all.
            after: the ``next`` of the page before.

        Raises:
            InvalidQuestion: no word, or too many. UnknownTopic.
        """
        policy = policy or DEFAULT_POLICY
        _check_first(first)
        wanted = query_of(words)
        with self._store.reading() as cursor:
            asked = self._points.asked(cursor, on, recorded_by)
            policy_json = _policy_json(policy)
            question = (
                *("search", self.identity, wanted),
                *(asked.known_until, topic, policy_json),
            )
            beyond = search.BEGINNING
            if after is not None:
                (pin,), last = decode(after, 1, *question)
                asked = self._points.pinned(cursor, asked, pin)
                beyond = search.Place.decode(last)
            self._check_topic(cursor, topic, asked.moment.position)
            results, reached = search.find(
                cursor,
                wanted,
                asked.point,
                topic=topic,
                policy=policy,
                first=first,
                beyond=beyond,
            )
        following = None
        if reached is not None:
            cursors = EntryCursors.of((asked.moment.mark,), *question)
            following = cursors.after(reached.encode())
        return SearchResults(
            basis=asked.basis(policy), words=words, results=results, next=following
        )

    def _check_topic(self, cursor: Cursor, topic: str | None, position: int) -> None:
        if topic is not None:
            answers = AsOf(cursor, self._zone, DEFAULT_POLICY)
            answers.check_topic(topic, position)

    # --- cursors of single entries --------------------------------------------------

    def knowledge_cursors(
        self,
        basis: Basis,
        *,
        topic: str | None = None,
        statuses: Collection[Status | str] | None = None,
    ) -> EntryCursors:
        """Return the cursors of an answer's claims, by claim id."""
        wanted = (
            None if statuses is None else {status_named(status) for status in statuses}
        )
        on = instant_of(basis.known_until)
        question = self._known(on, topic, basis.policy, wanted)
        return EntryCursors.of(self._marks(basis.position), *question)

    def changes_cursors(
        self, before: Basis, after: Basis, *, topic: str | None = None
    ) -> EntryCursors:
        """Return the cursors of an answer's changes, by claim id."""
        ons = instant_of(before.known_until), instant_of(after.known_until)
        question = self._changed(ons, topic, before.policy)
        return EntryCursors.of(self._marks(before.position, after.position), *question)

    def register_cursors(self, name: str, basis: RecordBasis) -> EntryCursors:
        """Return the cursors of the ``sources`` or ``topics`` of an answer, by id."""
        return EntryCursors.of(self._marks(basis.position), name, self.identity)

    def _marks(self, *positions: int) -> tuple[Mark, ...]:
        """Return what pins an answer to the positions it was given at."""
        with self._store.reading() as cursor:
            return tuple(log.mark(cursor, position) for position in positions)

    def _known(
        self,
        on: Instant,
        topic: str | None,
        policy: Policy,
        wanted: Collection[Status] | None,
    ) -> tuple[object, ...]:
        """Return what the cursors of ``knowledge`` are bound to."""
        statuses = sorted(wanted) if wanted else None
        return "knowledge", self.identity, on, topic, _policy_json(policy), statuses

    def _changed(
        self, ons: tuple[Instant, Instant], topic: str | None, policy: Policy
    ) -> tuple[object, ...]:
        """Return what the cursors of ``changes`` are bound to."""
        return "changes", self.identity, *ons, topic, _policy_json(policy)

    # --- the registers ------------------------------------------------------------

    def source(self, source: str, *, recorded_by: RecordedBy = None) -> SourceState:
        """Return a source as it stands at a position, corrections included.

        Raises:
            UnknownSource: not registered by ``recorded_by``.
        """
        with self._store.reading() as cursor:
            position = self._points.resolve(cursor, recorded_by).position
            return registers.source(cursor, source, recorded_by=position)

    def sources(
        self,
        *,
        recorded_by: RecordedBy = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Sources:
        """Return the registered sources, by id; ``first`` and ``after`` make pages."""
        basis, found, following = self._register(
            "sources", registers.sources, recorded_by, first, after
        )
        return Sources(basis=basis, sources=found, next=following)

    def topic(self, topic: str, *, recorded_by: RecordedBy = None) -> TopicState:
        """Return a topic.

        Raises:
            UnknownTopic: not opened by ``recorded_by``.
        """
        with self._store.reading() as cursor:
            position = self._points.resolve(cursor, recorded_by).position
            return registers.topic(cursor, topic, recorded_by=position)

    def topics(
        self,
        *,
        recorded_by: RecordedBy = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Topics:
        """Return the open topics, by id; ``first`` and ``after`` make pages."""
        basis, found, following = self._register(
            "topics", registers.topics, recorded_by, first, after
        )
        return Topics(basis=basis, topics=found, next=following)

    def document(
        self, document: str, *, recorded_by: RecordedBy = None
    ) -> DocumentState:
        """Return a document as it stands at a position, corrections included.

        Raises:
            UnknownDocument: not captured by ``recorded_by``.
        """
        with self._store.reading() as cursor:
            position = self._points.resolve(cursor, recorded_by).position
            return registers.document(cursor, document, recorded_by=position)

    def _register(
        self,
        name: str,
        read: Callable[..., Iterator[Registered]],
        recorded_by: RecordedBy,
        first: int | None,
        after: str | None,
    ) -> tuple[RecordBasis, tuple[Registered, ...], str | None]:
        _check_first(first)
        question = name, self.identity
        with self._store.reading() as cursor:
            moment = self._points.resolve(cursor, recorded_by)
            beyond = ""
            if after is not None:
                (pin,), beyond = decode(after, 1, *question)
                moment = self._points.pinned_moment(cursor, moment, pin)
            states = read(cursor, recorded_by=moment.position, beyond=beyond)
            found = tuple(states if first is None else islice(states, first))
            is_more = first is not None and next(states, None) is not None
        following = None
        if is_more:
            cursors = EntryCursors.of((moment.mark,), *question)
            following = cursors.after(found[-1].id)
        return _record_basis(moment, DEFAULT_POLICY), found, following

    # --- the log ------------------------------------------------------------------

    def describe(self) -> LedgerState:
        """Return what is fixed at the opening, and where the log ends."""
        with self._store.reading() as cursor:
            head = log.at_position(cursor, self._store.last_position(cursor))
        assert head is not None
        return LedgerState(
            title=self.title,
            timezone=self.timezone,
            identity=self.identity,
            position=head.position,
            recorded_at=datetime_of(head.recorded_at),
            hash=head.hash,
        )

    def resolve(self, recorded_by: RecordedBy = None) -> RecordPoint:
        """Return the position that answers at a point of record time are given at.

        Raises:
            NotYetRecorded: the point lies ahead. InvalidTime: it is no point.
        """
        with self._store.reading() as cursor:
            return self._points.resolve(cursor, recorded_by)

    @property
    def position(self) -> int:
        """The head: the last position that the ledger gave."""
        with self._store.reading() as cursor:
            return self._store.last_position(cursor)

    def event(self, id: str) -> Recorded:
        """Return the event with an id.

        Raises:
            UnknownEvent: no event has it.
        """
        with self._store.reading() as cursor:
            entry = log.by_id(cursor, id)
            if entry is None:
                raise errors.UnknownEvent(id, self._store.last_position(cursor))
        return CODEC.decode(entry)

    def events(
        self,
        after: int | str = 0,
        *,
        topic: str | None = None,
        claim: str | None = None,
        source: str | None = None,
        types: Iterable[str] | None = None,
    ) -> Iterator[Recorded]:
        """Iterate over what is stored after a position, up to the present head.

        Args:
            after: a position, or a cursor of this ledger's.
        """
        wanted = self.event_filter(topic, claim, source, types)
        place = self.place(after)
        return (
            CODEC.decode(entry)
            for entry in stored(
                self._store, wanted, after=place.mark, upto=self.position
            )
        )

    def subscribe(
        self,
        after: int | str = 0,
        *,
        topic: str | None = None,
        claim: str | None = None,
        source: str | None = None,
        types: Iterable[str] | None = None,
    ) -> Subscription:
        """Follow the log: what is stored after a position, then what comes.

        Iterate over it with ``for`` or ``async for``; close it to end. It ends by
        itself, with HistoryLost, if the ledger no longer has what was read.
        """
        wanted = self.event_filter(topic, claim, source, types)
        return StoredSubscription(self._store, wanted, after=self.place(after).mark)

    def event_filter(
        self,
        topic: str | None = None,
        claim: str | None = None,
        source: str | None = None,
        types: Iterable[str] | None = None,
    ) -> EventFilter:
        """Return a filter of events, whose names are in the ledger at the head.

        Raises:
            UnknownTopic. UnknownClaim. UnknownSource. InvalidQuestion: no such type.
        """
        named = None if types is None else frozenset(types)
        for name in named or ():
            if name not in CODEC.types:
                raise errors.InvalidQuestion(
                    f"there is no event type {name!r}; see docs/reference/events.md",
                    "types",
                )
        with self._store.reading() as cursor:
            head = self._store.last_position(cursor)
            answers = AsOf(cursor, self._zone, DEFAULT_POLICY)
            if topic is not None:
                answers.check_topic(topic, head)
            if source is not None:
                answers.check_source(source, head)
            if claim is not None:
                answers.check_claim(claim, head)
        return EventFilter(topic, claim, source, named)

    def place(self, after: int | str | None) -> Place:
        """Read where a reader of the log goes on; nothing is the head.

        Args:
            after: a position, or the cursor that came with what was read last.

        Raises:
            InvalidCursor: malformed, of another ledger, ahead of the head, or of a
                history that the ledger no longer has.
        """
        if isinstance(after, str):
            given = decode_place(after, self.identity)
        else:
            given = PlaceCursor(Pin(after or 0))
        with self._store.reading() as cursor:
            head = self._store.last_position(cursor)
            position = head if after is None else given.pin.position
            if position > head and given.pin.digits:
                raise given.pin.lost()
            if not 0 <= position <= head:
                raise errors.InvalidCursor(
                    f"position {position} is not between 0 and the head, {head}"
                )
            mark = log.mark(cursor, position)
        given.pin.check(mark.hash)
        return Place(mark, given.claim)

    def cursor(self, reached: int | Mark, claim: str | None = None) -> str:
        """Return the cursor of a reader that has come so far; see :meth:`place`.

        Args:
            reached: a position; the mark of one costs no look-up.
            claim: the last one told of what the event there changed.
        """
        if not isinstance(reached, Mark):
            (reached,) = self._marks(reached)
        return Place(reached, claim).encode(self.identity)

    def export(self, *, progress: Progress = _ignore) -> Iterator[bytes]:
        """Iterate over the log's lines of JSON, whole envelopes, as stored."""
        head = self.position
        for entry in stored(self._store, EVERYTHING, after=BEGINNING, upto=head):
            yield orjson.dumps(entry.to_json())
            progress(entry.position, head)

    # --- upkeep -------------------------------------------------------------------

    def rebuild(self, *, progress: Progress = _ignore) -> int:
        """Drop the rows and fold the log again; return the number of events.

        Readers see the old rows until the new ones are whole.
        """
        with self.commands.alone():
            with self._store.writing() as cursor:
                count = upkeep.rebuild(cursor, self._zone, progress)
            self._book.forget()
        return count

    def verify(self, *, progress: Progress = _ignore) -> upkeep.Verified:
        """Recompute the chain, and compare the rows with the log and the rule.

        Raises:
            LedgerDamaged: the first thing that does not agree.
        """
        return upkeep.verify(self._store, self._zone, progress)

    def backup(
        self, target: str | os.PathLike[str], *, progress: Progress = _ignore
    ) -> None:
        """Copy the ledger as of this moment while others read and write it.

        Raises:
            LedgerExists: something is at the target already.
        """
        back_up(
            self._store,
            os.fspath(target),
            self._zone,
            lock_timeout=LOCK_TIMEOUT_SECONDS,
            progress=progress,
        )

    def copy_to(
        self,
        target: str | os.PathLike[str],
        *,
        verify: bool = True,
        progress: Progress = _ignore,
    ) -> Copied:
        """Bring the events to another store as they are: ids, positions, hashes, all.

        Others may read and write this ledger meanwhile. Stopped, or called again later,
        it goes on after the last event that the target has.

        Args:
            target: where nothing is yet, or where an earlier copy of this ledger is.
            verify: whether to verify the target in the end.

        Raises:
            LedgerMismatch: the target has events that this ledger has not.
        """
        store = open_store(
            os.fspath(target), create=True, lock_timeout=LOCK_TIMEOUT_SECONDS
        )
        with closing(store):
            copying = Copying(self._store, store, self._zone)
            copying.catch_up(progress)
            if verify:
                copying.verify(progress)
            return copying.copied


def command_of(
    ledger: Ledger, events: Sequence[Event], idempotency_key: str | None
) -> Command:
    """Return what :meth:`Ledger.record` is called with, to be recorded.

    Raises:
        BatchTooLarge.
    """
    if len(events) > BATCH_LIMIT:
        raise errors.BatchTooLarge(len(events), BATCH_LIMIT)
    return Command(
        [
            (checked(event), ledger.retry_id(idempotency_key, index))
            for index, event in enumerate(events)
        ]
    )


def checked(event: Event) -> AnyEvent:
    """Return what is an event of the closed set; anything else is a TypeError."""
    if not isinstance(event, Event) or type(event).__name__ not in CODEC.types:
        raise TypeError(f"record() takes dateline's events, not {type(event).__name__}")
    return cast(AnyEvent, event)


def status_named(status: Status | str) -> Status:
    """Return the status that a word stands for.

    Raises:
        InvalidQuestion: there is no such status.
    """
    try:
        return Status(status)
    except ValueError:
        words = ", ".join(Status)
        raise errors.InvalidQuestion(
            f"there is no status {status!r}; it is one of {words}", "statuses"
        ) from None


def parse_policy(text: str | bytes | None) -> Policy:
    """Read a policy from JSON; nothing is the default policy.

    Raises:
        InvalidPolicy: malformed, an unknown field, or a value it may not have.
    """
    if text is None:
        return DEFAULT_POLICY
    try:
        return Policy.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "policy"
        raise errors.InvalidPolicy(
            f"{place}: {detail['msg']}; a policy is "
            '{"confirmations": 1, "independent": false, "implicit": "count"}'
        ) from None


def _policy_json(policy: Policy) -> dict[str, object]:
    return policy.model_dump(mode="json")


def _record_basis(moment: RecordPoint, policy: Policy) -> RecordBasis:
    return RecordBasis(
        position=moment.position, recorded_at=moment.recorded_at, policy=policy
    )


def _check_first(first: int | None) -> None:
    if first is not None and first < 1:
        raise errors.InvalidQuestion(f"first is {first}; it is at least 1", "first")
