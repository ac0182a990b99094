"""Whether an event may be recorded, is there already, or is refused, and why.

Pure: what is in the ledger comes through a :class:`Registry`, the moment of
recording as an argument. ``decide`` refuses by raising; nothing is half-decided.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from dateline.domain import errors, events
from dateline.domain.histories import (
    ClaimHistory,
    Described,
    ExpectationHistory,
    Switch,
    link_of,
)
from dateline.domain.recorded import LogEntry, fields_of
from dateline.domain.times import Instant, Zone, print_instant

LEDGER_STREAM = "ledger"

VOIDABLE = frozenset(
    (
        *events.STANCES,
        "SourceRated",
        "ClaimAssessed",
        "UpdateExpected",
        "UpdateReceived",
    )
)
"""The types of events whose record can be voided."""


class Registry(Protocol):
    """What is in the ledger at its head, the batch under way included."""

    @property
    def position(self) -> int: ...
    def opening(self) -> LogEntry | None: ...
    def topic(self, slug: str) -> LogEntry | None: ...
    def claim(self, slug: str) -> ClaimHistory | None: ...
    def source(self, slug: str) -> Described | None: ...
    def document(self, slug: str) -> Described | None: ...
    def expectation(self, slug: str) -> ExpectationHistory | None: ...
    def event(self, id: str) -> LogEntry | None: ...


class Existing(NamedTuple):
    """The event is in force already; nothing is to be recorded."""

    id: str
    position: int


class New(NamedTuple):
    """The event is to be recorded on this stream, with these fields."""

    stream: str
    fields: Mapping[str, Any]


Decision = Existing | New


def decide(
    event: events.AnyEvent, registry: Registry, *, zone: Zone, recorded_at: Instant
) -> Decision:
    """Decide about one event at the head of the ledger.

    Args:
        event: with the caller's ``id``, or without.
        zone: the ledger's, in which dates are read.
        recorded_at: the moment of recording; no statement may be dated after it.

    Raises:
        DatelineError: the rule that the event breaks, as its class.
    """
    fields = fields_of(event)
    if event.id is not None:
        prior = registry.event(event.id)
        if prior is not None:
            if (prior.type, prior.fields) != (event.type, fields):
                raise errors.ConflictingEvent("event", event.id, prior.position)
            return Existing(prior.id, prior.position)
    return _Decider(registry, zone, recorded_at).decide(event, fields)


class _Decider:
    def __init__(self, registry: Registry, zone: Zone, recorded_at: Instant) -> None:
        self._registry = registry
        self._zone = zone
        self._recorded_at = recorded_at

    def decide(self, event: events.AnyEvent, fields: dict[str, Any]) -> Decision:
        self._check_dates(fields)
        match event:
            case events.Statement():
                return self._statement(event, fields)
            case events.LedgerOpened():
                return self._opening(
                    "ledger", "ledger", self._registry.opening(), event, fields
                )
            case events.TopicOpened(topic=slug):
                opened = self._registry.topic(slug)
                return self._opening("topic", slug, opened, event, fields)
            case events.SourceRegistered(source=slug, principal=principal):
                source = self._registry.source(slug)
                if principal not in (None, slug):
                    self._source(principal)
                opened = source.opened if source else None
                return self._opening("source", slug, opened, event, fields)
            case events.DocumentCaptured(document=slug, publisher=publisher):
                document = self._registry.document(slug)
                self._source(publisher)
                opened = document.opened if document else None
                return self._opening("document", slug, opened, event, fields)
            case events.ClaimFramed(claim=slug, topics=topics):
                claim = self._registry.claim(slug)
                for topic in topics:
                    self._topic(topic)
                opened = claim.framed if claim else None
                return self._opening("claim", slug, opened, event, fields)
            case events.UpdateExpected(expectation=slug):
                return self._update_expected(event, slug, fields)
            case events.SourceCorrected(source=slug):
                return self._correction(
                    event, fields, self._source(slug), f"source:{slug}"
                )
            case events.DocumentCorrected(document=slug, publisher=publisher):
                self._source(publisher)
                document = self._document(slug)
                return self._correction(event, fields, document, f"document:{slug}")
            case events.SourceRated(source=slug):
                return self._rating(event, fields, self._source(slug), slug)
            case events.ClaimReworded(claim=slug, text=text):
                wording = self._claim(slug).wordings[-1]
                if event.id is None and wording.text == text:
                    return Existing(wording.id, wording.position)
                return New(f"claim:{slug}", fields)
            case events.ClaimFiled(claim=slug, topic=topic):
                self._topic(topic)
                switches = self._claim(slug).topics.get(topic, [])
                return self._switch(event, fields, switches, so=True)
            case events.ClaimUnfiled(claim=slug, topic=topic):
                self._topic(topic)
                switches = self._claim(slug).topics.get(topic, [])
                return self._switch(event, fields, switches, so=False)
            case events.ClaimsLinked():
                return self._switch(event, fields, self._link(event, fields), so=True)
            case events.ClaimsUnlinked():
                return self._switch(event, fields, self._link(event, fields), so=False)
            case events.ClaimAssessed(claim=slug):
                self._claim(slug)
                return New(f"claim:{slug}", fields)
            case events.UpdateReceived(expectation=slug, statement=statement):
                self._expectation(slug)
                named = self._registry.event(statement)
                if named is None or named.type not in events.STANCES:
                    raise errors.UnknownStatement(statement, self._registry.position)
                return New(f"expectation:{slug}", fields)
            case events.RecordVoided():
                return self._void(event, fields)
            case _:
                raise AssertionError(f"no decision about {event.type}")

    def _opening(
        self,
        kind: str,
        slug: str,
        opened: LogEntry | None,
        event: events.Event,
        fields: dict[str, Any],
    ) -> Decision:
        if opened is None:
            return New(slug if kind == slug == "ledger" else f"{kind}:{slug}", fields)
        if opened.fields == fields:
            return Existing(opened.id, opened.position)
        if kind == "ledger":
            raise errors.MisplacedOpening(
                "the ledger is open; LedgerOpened is its first event, and only that"
            )
        raise errors.ConflictingEvent(kind, slug, opened.position)

    def _statement(self, event: events.Statement, fields: dict[str, Any]) -> Decision:
        claim = self._claim(event.claim)
        self._source(event.source)
        self._document(event.document)
        if isinstance(event, events.PositionTaken):
            for relay in event.via:
                self._source(relay)
            if isinstance(event.basis, tuple):
                for name in event.basis:
                    self._basis(name, claim)
        self._not_after_recording(event.said_at)
        if event.id is None:
            for said in claim.contents.get(event.source, ()):
                if (
                    said.type == event.type
                    and said.fields == fields
                    and said.id not in claim.voids
                ):
                    return Existing(said.id, said.position)
        return New(f"claim:{event.claim}", fields)

    def _update_expected(
        self, event: events.UpdateExpected, slug: str, fields: dict[str, Any]
    ) -> Decision:
        for claim in event.claims:
            self._claim(claim)
        self._source(event.source)
        self._source(event.awaits)
        self._document(event.document)
        self._not_after_recording(event.said_at)
        expectation = self._registry.expectation(slug)
        promised = expectation.promised if expectation else None
        return self._opening("expectation", slug, promised, event, fields)

    def _correction(
        self,
        event: events.Event,
        fields: dict[str, Any],
        described: Described | None,
        stream: str,
    ) -> Decision:
        assert described is not None
        slug = stream.partition(":")[0]
        corrected = [name for name in fields if name not in (slug, "reason")]
        if event.id is None and corrected:
            setters = [described.set_by.get(name, [None])[-1] for name in corrected]
            standing = [
                setter
                for name, setter in zip(corrected, setters, strict=True)
                if setter is not None and setter.fields[name] == fields[name]
            ]
            if len(standing) == len(corrected):
                last = max(standing, key=lambda entry: entry.position)
                return Existing(last.id, last.position)
        return New(stream, fields)

    def _rating(
        self,
        event: events.SourceRated,
        fields: dict[str, Any],
        source: Described | None,
        slug: str,
    ) -> Decision:
        assert source is not None
        if event.id is None:
            ratings = [
                rating
                for rating in source.ratings.get(event.rater, ())
                if rating.id not in source.voids
            ]
            if ratings and ratings[-1].fields == fields:
                return Existing(ratings[-1].id, ratings[-1].position)
        return New(f"source:{slug}", fields)

    def _switch(
        self,
        event: events.ClaimFiled
        | events.ClaimUnfiled
        | events.ClaimsLinked
        | events.ClaimsUnlinked,
        fields: dict[str, Any],
        switches: list[Switch],
        *,
        so: bool,
    ) -> Decision:
        """Answer with the event that made it so, if it is so already."""
        if event.id is None and switches and switches[-1].so is so:
            made_so = switches[-1]
            for switch in reversed(switches):
                if switch.so is not so:
                    break
                made_so = switch
            return Existing(made_so.id, made_so.position)
        return New(f"claim:{event.claim}", fields)

    def _link(
        self,
        event: events.ClaimsLinked | events.ClaimsUnlinked,
        fields: dict[str, Any],
    ) -> list[Switch]:
        if event.claim == event.other:
            raise errors.SelfLink(
                f"claim {event.claim!r} cannot be linked to itself", "other"
            )
        claim = self._claim(event.claim)
        self._claim(event.other)
        return claim.links.get(link_of(fields), [])

    def _void(self, event: events.RecordVoided, fields: dict[str, Any]) -> Decision:
        target = self._registry.event(event.event)
        if target is None:
            raise errors.UnknownEvent(event.event, self._registry.position)
        if target.type not in VOIDABLE:
            raise errors.NotVoidable(
                f"{target.type} {event.event!r} cannot be voided; only statements, "
                "ratings, assessments, promises and their fulfilments can",
                "event",
            )
        if event.id is None:
            kind, _, slug = target.stream.partition(":")
            history: ClaimHistory | Described | ExpectationHistory | None
            match kind:
                case "claim":
                    history = self._registry.claim(slug)
                case "source":
                    history = self._registry.source(slug)
                case _:
                    history = self._registry.expectation(slug)
            assert history is not None
            void = history.voids.get(event.event)
            if void is not None:
                return Existing(void.id, void.position)
        return New(target.stream, fields)

    # --- references and dates --------------------------------------------------

    def _topic(self, slug: str) -> None:
        if self._registry.topic(slug) is None:
            raise errors.UnknownTopic(slug, self._registry.position)

    def _claim(self, slug: str) -> ClaimHistory:
        claim = self._registry.claim(slug)
        if claim is None:
            raise errors.UnknownClaim(slug, self._registry.position)
        return claim

    def _source(self, slug: str | None) -> Described | None:
        if slug is None:
            return None
        source = self._registry.source(slug)
        if source is None:
            raise errors.UnknownSource(slug, self._registry.position)
        return source

    def _document(self, slug: str | None) -> Described | None:
        if slug is None:
            return None
        document = self._registry.document(slug)
        if document is None:
            raise errors.UnknownDocument(slug, self._registry.position)
        return document

    def _expectation(self, slug: str) -> None:
        if self._registry.expectation(slug) is None:
            raise errors.UnknownExpectation(slug, self._registry.position)

    def _basis(self, name: str, claim: ClaimHistory) -> None:
        if name not in claim.statements and self._registry.source(name) is None:
            raise errors.UnknownBasis(name, self._registry.position)

    def _check_dates(self, fields: Mapping[str, Any]) -> None:
        for name in events.DATES:
            value = fields.get(name)
            if value is not None:
                try:
                    self._zone.period(value)
                except errors.InvalidTime as error:
                    error.field = name
                    raise

    def _not_after_recording(self, said_at: str) -> None:
        earliest = self._zone.period(said_at).earliest
        if earliest > self._recorded_at:
            raise errors.SaidInFuture(
                f"said_at {said_at!r} begins after the moment of recording, "
                f"{print_instant(self._recorded_at)}; record it once it was said",
                "said_at",
            )
