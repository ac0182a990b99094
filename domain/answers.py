"""What dateline answers: frozen values whose JSON is the public contract.

Instants are aware datetimes in UTC and print with ``Z``. Every answer names the
basis it was given at: the two points, and the policy.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from dateline.domain.events import (
    BasisWord,
    Reliability,
    SourceKind,
    Stance,
    Strength,
)
from dateline.domain.rule import RULE_VERSION, Flag, Policy, Status
from dateline.domain.standings import Side
from dateline.domain.times import print_datetime

Moment = Annotated[
    datetime, PlainSerializer(print_datetime, return_type=str, when_used="json")
]


class Answer(BaseModel):
    """Base of all answers: frozen, and JSON by alias (``for``, ``from``)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Basis(Answer):
    """Both points an answer was given at, and the policy.

    ``on`` is public time as asked, ``known_until`` the last instant that counts.
    ``position`` is the last one that counts, ``recorded_at`` when it was taken in
    (null before the opening).
    """

    on: str
    known_until: Moment
    position: int
    recorded_at: Moment | None
    policy: Policy
    rule: int = RULE_VERSION


class RecordBasis(Answer):
    """The basis of an answer over all of public time: no ``on``."""

    position: int
    recorded_at: Moment | None
    policy: Policy
    rule: int = RULE_VERSION


class Tally(Answer):
    """Source ids by where they stand, each list sorted; ``independent`` origins."""

    for_: tuple[str, ...] = Field(default=(), alias="for")
    against: tuple[str, ...] = ()
    confirmed_by: tuple[str, ...] = ()
    refuted_by: tuple[str, ...] = ()
    withheld_by: tuple[str, ...] = ()
    retracted_by: tuple[str, ...] = ()
    independent: int = 0


class ClaimState(Answer):
    """A claim's state of knowledge; ``since`` is public time, null if unreported."""

    id: str
    text: str
    topics: tuple[str, ...]
    about: str | None
    status: Status
    flags: tuple[Flag, ...]
    since: Moment | None
    tally: Tally
    statements: tuple[str, ...]


class ClaimKnowledge(ClaimState):
    """One claim's state of knowledge, with the basis it was given at."""

    basis: Basis


class PossiblyKnown(Answer):
    """A statement that may have been public at ``on``; it counts for nothing."""

    claim: str
    statement: str
    earliest: Moment
    latest: Moment


class Knowledge(Answer):
    """What was known at a point: claims by id; ``next`` is a cursor, null at the end.

    ``counts`` are of all claims asked for, before filter and page.
    """

    basis: Basis
    counts: Mapping[Status, int]
    claims: tuple[ClaimState, ...]
    possibly_known: tuple[PossiblyKnown, ...]
    next: str | None


class Outcome(Answer):
    """What a claim's standings added up to at one side of a change."""

    status: Status
    flags: tuple[Flag, ...]
    tally: Tally


class Change(Answer):
    """How one claim differs between two points; ``because`` are event ids."""

    id: str
    text: str
    before: Outcome
    after: Outcome
    because: tuple[str, ...]


class Changes(Answer):
    """What differs between two points, by claim id."""

    from_: Basis = Field(alias="from")
    to: Basis
    changes: tuple[Change, ...]
    next: str | None


class Span(Answer):
    """A stretch of public time; ``until`` is exclusive, null: still."""

    from_: Moment = Field(alias="from")
    until: Moment | None
    status: Status
    flags: tuple[Flag, ...]
    tally: Tally
    statements: tuple[str, ...]


class Timeline(Answer):
    """A claim's spans of status over public time, at one point of record time."""

    claim: str
    basis: RecordBasis
    spans: tuple[Span, ...]


class StandingExplained(Answer):
    """Where a source stands, since when, and on whose knowledge (``origins``)."""

    source: str
    stance: Stance
    strength: Strength | None
    side: Side | None
    statement: str
    known_from: Moment
    basis: BasisWord | tuple[str, ...] | None
    origins: tuple[str, ...]
    flags: tuple[Flag, ...]


class RuleCounts(Answer):
    """The counts that the rule compared."""

    confirmations: int
    refutations: int
    independent: int


class Explanation(Answer):
    """Why a claim's status is what it is; ``decided_by`` is the line that fired."""

    basis: Basis
    claim: ClaimState
    standings: tuple[StandingExplained, ...]
    decided_by: str
    counts: RuleCounts


class PositionHeld(Answer):
    """What a source held about one claim, and whether it had held otherwise."""

    claim: str
    stance: Stance
    strength: Strength | None
    statement: str
    known_from: Moment
    walked_back: bool


class Positions(Answer):
    """What a source held on each claim, by claim id."""

    basis: Basis
    source: str
    positions: tuple[PositionHeld, ...]


class ExpectationState(Answer):
    """A promised update: open, fulfilled (by a statement) or lapsed."""

    id: str
    claims: tuple[str, ...]
    source: str
    awaits: str
    due: str
    state: Annotated[str, Field(pattern="^(open|fulfilled|lapsed)$")]
    fulfilled_by: str | None
    quote: str | None


class Expectations(Answer):
    """The updates promised by a point, by expectation id."""

    basis: Basis
    expectations: tuple[ExpectationState, ...]


class RatingHeld(Answer):
    """How reliable a rater holds a source to be (A-F, Admiralty); it moves no status.

    ``event`` is the id of the SourceRated that stands.
    """

    rater: str | None
    reliability: Reliability
    note: str | None
    event: str


class SourceState(Answer):
    """A source as it stands at a position, corrections included.

    ``principal`` is the party it speaks for; its own id if that is itself.
    """

    id: str
    name: str
    kind: SourceKind | None
    principal: str
    country: str | None
    url: str | None
    ratings: tuple[RatingHeld, ...]


class Sources(Answer):
    """The sources registered by a position, by id."""

    basis: RecordBasis
    sources: tuple[SourceState, ...]
    next: str | None


class TopicState(Answer):
    """A subject under watch."""

    id: str
    title: str
    description: str | None


class Topics(Answer):
    """The topics opened by a position, by id."""

    basis: RecordBasis
    topics: tuple[TopicState, ...]
    next: str | None


class DocumentState(Answer):
    """Where something was read, as it stands at a position, corrections included.

    ``published_at`` and ``retrieved_at`` are public time, EDTF as given.
    """

    id: str
    title: str
    publisher: str | None
    url: str | None
    published_at: str | None
    retrieved_at: str | None
    sha256: str | None


class CalendarDay(Answer):
    """A day at whose end something was known that was not before.

    ``day`` is ``YYYY-MM-DD`` in the ledger's zone, ``counts`` are of the claims at its
    end, ``statements`` is how many became known on it.
    """

    day: str
    counts: Mapping[Status, int]
    statements: int


class Calendar(Answer):
    """The days of public time on which a topic's statements became known, in order."""

    basis: RecordBasis
    topic: str | None
    days: tuple[CalendarDay, ...]


class Arrival(Answer):
    """When a statement was known, and when the ledger took it in.

    ``known_from`` is public time, ``position`` and ``recorded_at`` are record time.
    ``voided`` tells whether our record of it was void at the basis.
    """

    statement: str
    claim: str
    source: str
    stance: Stance
    known_from: Moment
    position: int
    recorded_at: Moment
    voided: bool


class Arrivals(Answer):
    """The statements on a topic's claims, by position."""

    basis: RecordBasis
    topic: str | None
    arrivals: tuple[Arrival, ...]


class SearchResult(Answer):
    """A claim's wording, a source's name, or what a statement quotes.

    ``claim``, ``source`` and ``statement`` are ids: of a quote all three, otherwise
    that of the one found.
    """

    kind: Literal["claim", "source", "quote"]
    claim: str | None
    source: str | None
    statement: str | None
    text: str


class SearchResults(Answer):
    """What was found: claims, then sources, by id; then quotes, by (latest, position).

    ``next`` is a cursor, null at the end.
    """

    basis: Basis
    words: str
    results: tuple[SearchResult, ...]
    next: str | None


class LedgerState(Answer):
    """A ledger: what is fixed at its opening, and where its log ends.

    ``identity`` tells it from any other; ``hash`` is that of the event at
    ``position``, over the whole log before it.
    """

    title: str
    timezone: str
    identity: str
    position: int
    recorded_at: Moment
    hash: str


class RecordedEvent(Answer):
    """Where an event stands; ``new`` is false if it was there before."""

    id: str
    position: int
    new: bool


class Receipt(Answer):
    """What one call of ``record`` did: the last position of its events."""

    position: int
    recorded_at: Moment
    events: tuple[RecordedEvent, ...]


def as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as the JSON of the contract."""
    return answer.model_dump(mode="json")
