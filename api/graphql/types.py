"""The object types of answers: the models of the contract, with ids as references."""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from dateline.api.graphql.answered import Answered, entry, part, parts
from dateline.api.graphql.references import (
    CLAIM,
    DOCUMENT,
    EVENT,
    SOURCE,
    STATEMENT,
    TOPIC,
    many,
    one,
)
from dateline.api.graphql.scalars import DateTime, Long
from dateline.api.graphql.words import (
    FIELDS,
    ExpectationState,
    Flag,
    Implicit,
    Reliability,
    Side,
    SourceKind,
    Stance,
    Status,
    Strength,
)


def told(description: str, resolver: Any = None, name: str | None = None) -> Any:
    """Return a field with its description."""
    return strawberry.field(description=description, resolver=resolver, name=name)


# --- bases ----------------------------------------------------------------------


@strawberry.type(description="What a reader asks of a confirmation.")
class Policy:
    confirmations: int = told("How many confirmations, or refutations, it takes.")
    independent: bool = told(
        "Whether origins behind confirmed standings are counted, and not principals."
    )
    implicit: Implicit = told("What is done with implicit statements.")


@strawberry.type(description="Both points that an answer was given at, and the policy.")
class Basis:
    on: str = told("Public time, as asked: a day or an instant.")
    known_until: DateTime = told("The last instant of public time that counts.")
    position: Long = told("The last position of the log that counts.")
    recorded_at: DateTime | None = told(
        "When that position was taken in; null before the ledger was opened."
    )
    policy: Policy = told("The policy it was answered under.", part("policy"))
    rule: int = told("The version of the status rule.")


@strawberry.type(description="The basis of an answer over all of public time.")
class RecordBasis:
    position: Long = told("The last position of the log that counts.")
    recorded_at: DateTime | None = told(
        "When that position was taken in; null before the ledger was opened."
    )
    policy: Policy = told("The policy it was answered under.", part("policy"))
    rule: int = told("The version of the status rule.")


def basis_of(root: Answered) -> Any:
    """Return the basis that an object was answered at."""
    return Answered(root.basis, root.basis)


# --- the log ----------------------------------------------------------------------


@strawberry.interface(
    description="Something that happened, with the envelope that the ledger gave it. "
    "Events never change."
)
class Event:
    id: strawberry.ID = told("The event's id: the recorder's, or a UUID.")
    position: Long = told("Its place in the log: strictly rising, gaps allowed.")
    recorded_at: DateTime = told("When the ledger took it in.")
    recorder: str | None = told("Who recorded it.")
    json: JSON = told("The event as exported: one flat object, envelope included.")

    @classmethod
    def resolve_type(cls, value: Answered, *_: object) -> str:
        """Name the object type of an event."""
        kind: str = value.json["type"]
        return kind


@strawberry.type(
    description="What a statement rests on; exactly one of these is given."
)
class StatementBasis:
    own: bool = told("The source's own knowledge.")
    unknown: bool = told("It is not known what.")
    refs: list[strawberry.ID] = told(
        "Ids of earlier statements on the same claim, and of sources; empty if it is "
        "one of the others."
    )


def itself(root: Answered) -> Any:
    """Return the same object, seen as another type."""
    return root


def statement_basis(root: Answered) -> Any:
    """Return what a statement rests on; a retraction rests on nothing."""
    basis = root.json.get("basis")
    if basis is None:
        return None
    refs = basis if isinstance(basis, list) else []
    json = {"own": basis == "own", "unknown": basis == "unknown", "refs": refs}
    return Answered(json, root.basis)


# --- the registers ----------------------------------------------------------------


@strawberry.type(description="How reliable a rater holds a source to be.")
class Rating:
    rater: str | None = told(FIELDS["rater"])
    reliability: Reliability = told(FIELDS["reliability"])
    note: str | None = told(FIELDS["note"])
    event: Event = told("The SourceRated that stands.", one(EVENT, "event"))


@strawberry.type(
    description="Who takes a position: a person, office, organisation, outlet or "
    "sensor, as it stands at the answer's position."
)
class Source:
    id: strawberry.ID = told("Its slug.")
    name: str = told(FIELDS["name"])
    kind: SourceKind | None = told("What it is.")
    principal: "Source" = told(
        "The party it speaks for; itself if that is nobody else.",
        one(SOURCE, "principal"),
    )
    country: str | None = told(FIELDS["country"])
    url: str | None = told(FIELDS["url"])
    ratings: list[Rating] = told("The ratings that stand.", parts("ratings"))


@strawberry.type(description="A subject under watch.")
class Topic:
    id: strawberry.ID = told("Its slug.")
    title: str = told(FIELDS["title"])
    description: str | None = told(FIELDS["description"])


@strawberry.type(description="Where something was read, corrections included.")
class Document:
    id: strawberry.ID = told("Its slug.")
    title: str = told(FIELDS["title"])
    publisher: Source | None = told(FIELDS["publisher"], one(SOURCE, "publisher"))
    url: str | None = told(FIELDS["url"])
    published_at: str | None = told(FIELDS["published_at"])
    retrieved_at: str | None = told(FIELDS["retrieved_at"])
    sha256: str | None = told(FIELDS["sha256"])


@strawberry.type(description="The ledger, and where its log ends.")
class Ledger:
    title: str = told("Its title, fixed at creation.")
    timezone: str = told(FIELDS["timezone"])
    identity: strawberry.ID = told("Tells it from any other, also of the same title.")
    position: Long = told("The head: the last position of the log.")
    recorded_at: DateTime = told("When the head was taken in.")
    hash: str = told("The chain's hash at the head, over the whole log before it.")


@strawberry.type(description="A proposition that can be true or false.")
class Claim:
    id: strawberry.ID = told("Its slug.")
    text: str = told("In the ledger's words, as they stand at the answer's position.")
    topics: list[Topic] = told("Where it is filed, by id.", many(TOPIC, "topics"))
    about: str | None = told(FIELDS["about"])


@strawberry.type(
    description="What one source said about one claim at one time: one event."
)
class Statement:
    id: strawberry.ID = told("The event's id.")
    event: Event = told("The event in full.", itself)
    claim: Claim = told(FIELDS["claim"], one(CLAIM, "claim"))
    source: Source = told("Whose word it is.", one(SOURCE, "source"))
    stance: Stance = told("What the source does about the claim.")
    said_at: str = told(FIELDS["said_at"])
    strength: Strength | None = told("How firmly it is said; null for a retraction.")
    basis: StatementBasis | None = told(
        "What it rests on; null for a retraction.", statement_basis
    )
    via: list[Source] = told(FIELDS["via"], many(SOURCE, "via"))
    document: Document | None = told(FIELDS["document"], one(DOCUMENT, "document"))
    quote: str | None = told(FIELDS["quote"])
    url: str | None = told(FIELDS["url"])
    language: str | None = told(FIELDS["language"])
    note: str | None = told(FIELDS["note"])


# --- what was known ---------------------------------------------------------------


@strawberry.type(description="Who stands where, each list by id.")
class Tally:
    for_: list[Source] = told(
        "Asserted or confirmed it.", many(SOURCE, "for"), name="for"
    )
    against: list[Source] = told("Denied or refuted it.", many(SOURCE, "against"))
    confirmed_by: list[Source] = told(
        "Confirmed it, having checked.", many(SOURCE, "confirmed_by")
    )
    refuted_by: list[Source] = told(
        "Refuted it, having checked.", many(SOURCE, "refuted_by")
    )
    withheld_by: list[Source] = told(
        "Could not confirm it.", many(SOURCE, "withheld_by")
    )
    retracted_by: list[Source] = told(
        "Took back what they said.", many(SOURCE, "retracted_by")
    )
    independent: int = told(
        "How many different origins stand behind the plain standings of the side that "
        "leads."
    )


@strawberry.type(description="One claim's state of knowledge at a point.")
class ClaimKnowledge:
    id: strawberry.ID = told("The claim's slug.")
    basis: Basis = told("The points and the policy of the answer.", basis_of)
    text: str = told("The claim in the ledger's words at the answer's position.")
    topics: list[Topic] = told("Where it is filed, by id.", many(TOPIC, "topics"))
    about: str | None = told(FIELDS["about"])
    status: Status = told("What its standings add up to.")
    flags: list[Flag] = told("What to know besides, in the order of the rule.")
    since: DateTime | None = told(
        "The public instant from which the status has held without a break; null if "
        "unreported."
    )
    tally: Tally = told("Who stands where.", part("tally"))
    statements: list[Statement] = told(
        "The statements of the standings, by the time they were known.",
        many(STATEMENT, "statements"),
    )


@strawberry.type(description="How many claims have a status.")
class StatusCount:
    status: Status = told("The status.")
    count: int = told("How many claims have it, before filter and page.")


@strawberry.type(
    description="A statement that may have been public at the point asked; it counts "
    "for nothing."
)
class PossiblyKnown:
    claim: Claim = told(FIELDS["claim"], one(CLAIM, "claim"))
    statement: Statement = told("The statement.", one(STATEMENT, "statement"))
    earliest: DateTime = told("The first instant that its date may mean.")
    latest: DateTime = told("The last one; from then on it counts.")


@strawberry.type(description="A stretch of public time over which nothing changed.")
class Span:
    from_: DateTime = told("Its first instant.", entry("from"), name="from")
    until: DateTime | None = told("Where the next one begins; null: still.")
    status: Status = told("The status over it.")
    flags: list[Flag] = told("The flags over it.")
    tally: Tally = told("Who stood where.", part("tally"))
    statements: list[Statement] = told(
        "The statements of the standings.", many(STATEMENT, "statements")
    )


@strawberry.type(description="A claim's spans of status over all of public time.")
class Timeline:
    claim: Claim = told("The claim.", one(CLAIM, "claim"))
    basis: RecordBasis = told("The point of record time, and the policy.", basis_of)
    spans: list[Span] = told("The spans, in order.", parts("spans"))


@strawberry.type(description="What a claim's standings added up to.")
class Outcome:
    status: Status = told("The status.")
    flags: list[Flag] = told("The flags.")
    tally: Tally = told("Who stood where.", part("tally"))


@strawberry.type(description="How one claim differs between two points, and why.")
class Change:
    id: strawberry.ID = told("The claim's slug.")
    text: str = told("The claim in the words of the second point.")
    before: Outcome = told("What it came to at the first point.", part("before"))
    after: Outcome = told("What it came to at the second point.", part("after"))
    because: list[Event] = told(
        "The events that made the difference, by position.", many(EVENT, "because")
    )


@strawberry.type(
    description="Where a source stands on a claim, and on whose knowledge."
)
class Standing:
    source: Source = told("The source.", one(SOURCE, "source"))
    stance: Stance = told("Its latest stance.")
    strength: Strength | None = told("How firmly; null for a retraction.")
    side: Side | None = told("What it supports; null if it takes no side.")
    statement: Statement = told("Its latest statement.", one(STATEMENT, "statement"))
    known_from: DateTime = told("The public instant from which that is known.")
    basis: StatementBasis | None = told(
        "What the statement rests on; null for a retraction.", statement_basis
    )
    origins: list[Source] = told(
        "The principals on whose own knowledge it rests.", many(SOURCE, "origins")
    )
    flags: list[Flag] = told("What to know of its origins.")


@strawberry.type(description="The counts that the rule compared.")
class RuleCounts:
    confirmations: int = told("Confirmations, as the policy counts them.")
    refutations: int = told("Refutations, as the policy counts them.")
    independent: int = told("Origins behind the plain standings of the leading side.")


@strawberry.type(description="Why a claim's status is what it is.")
class Explanation:
    basis: Basis = told("The points and the policy of the answer.", basis_of)
    claim: ClaimKnowledge = told("What is explained.", part("claim"))
    standings: list[Standing] = told("Who stands where.", parts("standings"))
    decided_by: str = told("The line of the rule's table that fired.")
    counts: RuleCounts = told("What the rule compared.", part("counts"))


@strawberry.type(description="What a source held about one claim.")
class PositionHeld:
    claim: Claim = told("The claim.", one(CLAIM, "claim"))
    stance: Stance = told("Its latest stance.")
    strength: Strength | None = told("How firmly; null for a retraction.")
    statement: Statement = told("Its latest statement.", one(STATEMENT, "statement"))
    known_from: DateTime = told("The public instant from which that is known.")
    walked_back: bool = told("Whether it had taken a side that it is no longer on.")


@strawberry.type(description="What a source held on each claim at a point.")
class Positions:
    basis: Basis = told("The points and the policy of the answer.", basis_of)
    source: Source = told("The source.", one(SOURCE, "source"))
    positions: list[PositionHeld] = told(
        "What it held, by claim id.", parts("positions")
    )


@strawberry.type(description="A promised update.")
class Expectation:
    id: strawberry.ID = told("Its slug.")
    claims: list[Claim] = told(FIELDS["claims"], many(CLAIM, "claims"))
    source: Source = told("Who promised it.", one(SOURCE, "source"))
    awaits: Source = told("Whose word is awaited.", one(SOURCE, "awaits"))
    due: str = told(FIELDS["due"])
    state: ExpectationState = told("What became of it.")
    fulfilled_by: Statement | None = told(
        "The statement that gave it.", one(STATEMENT, "fulfilled_by")
    )
    quote: str | None = told(FIELDS["quote"])


@strawberry.type(description="The updates promised by a point.")
class Expectations:
    basis: Basis = told("The points and the policy of the answer.", basis_of)
    expectations: list[Expectation] = told(
        "The expectations, by id.", parts("expectations")
    )


# --- recording ----------------------------------------------------------------------


@strawberry.type(description="Where an event stands.")
class RecordedEvent:
    id: strawberry.ID = told("The event's id.")
    position: Long = told("Its place in the log.")
    new: bool = told("False if it was there, or in force, before.")


@strawberry.type(description="What one call of `record` did.")
class Receipt:
    position: Long = told("The last position of its events.")
    recorded_at: DateTime = told("When that position was taken in.")
    events: list[RecordedEvent] = told(
        "Where each event stands, in the order given.", parts("events")
    )
