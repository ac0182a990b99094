"""The ledger's words as GraphQL enums, and what each field means.

Enum values are the words in capitals. strawberry reads an enum's definition off the
class, so the domain's own classes are told it here, and stay what they are.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import get_args

from strawberry.types.enum import EnumValue, StrawberryEnumDefinition

from dateline.domain.events import (
    AnyEvent,
    ClaimKind,
    Confidence,
    Event,
    Likelihood,
    Relation,
    Reliability,
    SourceKind,
    Stance,
    Strength,
)
from dateline.domain.rule import Flag, Implicit, Status

EVENTS: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
"""Every event type, in the order of the contract."""

RECORDABLE = EVENTS[1:]
"""The types that callers record; a ledger opens itself."""


class Side(StrEnum):
    """What a standing supports."""

    FOR = "for"
    AGAINST = "against"


class ExpectationState(StrEnum):
    """What became of a promised update."""

    OPEN = "open"
    FULFILLED = "fulfilled"
    LAPSED = "lapsed"


def capitals(name: str) -> str:
    """Return ``ClaimFramed`` as ``CLAIM_FRAMED``."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_")


def sentence(kind: type) -> str:
    """Return what a class's docstring says, on one line a paragraph, without markup."""
    paragraphs = (kind.__doc__ or "").replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


# Its members come from the models, where mypy does not look.
EventType = StrEnum(  # type: ignore[misc]
    "EventType", {capitals(kind.__name__): kind.__name__ for kind in EVENTS}
)

_VALUES: dict[type[Enum], Mapping[str, str]] = {
    Status: {
        "unreported": "No statement counts.",
        "disputed": "Sides stand against each other, or it is both confirmed and "
        "refuted.",
        "confirmed": "Enough sources that checked for themselves say that it is so.",
        "refuted": "Enough sources that checked for themselves say that it is not so.",
        "denied": "Only standings against it.",
        "corroborated": "Only standings for it, of two independent origins or more.",
        "asserted": "Only standings for it, at least one of them plain.",
        "floated": "Only standings for it, all hedged, conditional or implicit.",
        "withdrawn": "No side is left standing, and one that stood was taken back.",
        "raised": "It was spoken of, and nobody ever took a side.",
    },
    Flag: {
        "contested": "Confirmed with a standing against, or refuted with one for it.",
        "single_origin": "Confirmed or refuted on the knowledge of one origin at most.",
        "tentative": "Denied, by no standing that is plain.",
        "order_unsure": "A source's statements overlap in time: which is its last is a "
        "guess.",
        "circular": "Somebody rests on somebody who rests on them.",
        "basis_withdrawn": "Somebody rests on a statement that no longer stands.",
        "walked_back": "Some source is no longer on a side that it took.",
        "contradicted": "A claim that contradicts it holds at the same point.",
    },
    Stance: {
        "asserted": "Says that it is so.",
        "denied": "Says that it is not so.",
        "confirmed": "Says that it is so, having checked for itself.",
        "refuted": "Says that it is not so, having checked for itself.",
        "withheld": "Says that it cannot confirm it.",
        "retracted": "Takes back what it said.",
    },
    Side: {"for": "It is so.", "against": "It is not so."},
    Strength: {
        "plain": "Said outright.",
        "hedged": "Said with a reservation, such as “probably”.",
        "conditional": "Said to be so if something else is.",
        "implicit": "Not said, but taken for granted in what was.",
    },
    SourceKind: {
        "person": "A person.",
        "office": "An office, whoever holds it.",
        "organisation": "An organisation, a government, a company.",
        "outlet": "Something that publishes.",
        "sensor": "Something that measures or takes pictures.",
    },
    ClaimKind: {
        "fact": "That something is or was so.",
        "forecast": "That something will be so.",
        "intention": "That somebody means to do something.",
        "assessment": "A judgement of how things are.",
    },
    Relation: {
        "contradicts": "Both cannot be so; it holds both ways.",
        "supports": "If the one is so, the other is likelier.",
        "refines": "The one says more exactly what the other says.",
    },
    Reliability: {
        "A": "Completely reliable.",
        "B": "Usually reliable.",
        "C": "Fairly reliable.",
        "D": "Not usually reliable.",
        "E": "Unreliable.",
        "F": "Reliability cannot be judged.",
    },
    Likelihood: {
        "almost no chance": "1 to 5 percent.",
        "very unlikely": "5 to 20 percent.",
        "unlikely": "20 to 45 percent.",
        "roughly even chance": "45 to 55 percent.",
        "likely": "55 to 80 percent.",
        "very likely": "80 to 95 percent.",
        "almost certain": "95 to 99 percent.",
    },
    Confidence: {
        "low": "Scant, doubtful or scattered information.",
        "moderate": "Credible information, not enough for more.",
        "high": "Good information, or a matter that allows a firm judgement.",
    },
    Implicit: {
        "count": "Implicit statements count like others.",
        "ignore": "Implicit statements are left out.",
    },
    ExpectationState: {
        "open": "The update may still come in time.",
        "fulfilled": "A statement gave it.",
        "lapsed": "It was due and has not come.",
    },
    EventType: {kind.__name__: sentence(kind) for kind in EVENTS},
}

_ENUMS: dict[type[Enum], str] = {
    Status: "What a claim's standings add up to, by the status rule.",
    Flag: "What a reader should know besides the status.",
    Stance: "What a source does about a claim.",
    Side: "What a standing supports.",
    Strength: "How firmly a source says it.",
    SourceKind: "What a source is.",
    ClaimKind: "What sort of proposition a claim is.",
    Relation: "How one claim bears on another.",
    Reliability: "A source's reliability on the Admiralty scale (NATO AJP-2.1).",
    Likelihood: "The seven terms of Intelligence Community Directive 203.",
    Confidence: "How sure an assessor is of an assessment.",
    Implicit: "What a policy does with implicit statements.",
    ExpectationState: "What became of a promised update.",
    EventType: "The closed set of what can happen in a ledger.",
}

FIELDS: Mapping[str, str] = {
    "about": "When the thing claimed would be so: EDTF, an open end is `..`.",
    "assessed_at": "When the assessment was made (public time, EDTF).",
    "assessor": "Who made it, in the recorder's words.",
    "awaits": "The source whose word is awaited; default: the one that promised.",
    "basis": "What the statement rests on.",
    "claim": "The claim that it is about.",
    "claims": "The claims that the promised update is about.",
    "confidence": "How sure the assessor is.",
    "country": "The source's country, in the recorder's words.",
    "credibility": "The Admiralty scale's, 1 (confirmed) to 6 (cannot be judged).",
    "description": "What the topic is about.",
    "document": "Where it was read.",
    "due": "By when news was promised (EDTF).",
    "event": "The event whose record is voided.",
    "expectation": "The expectation's slug.",
    "id": "The event's id; without one of yours the ledger picks it.",
    "kind": "What sort it is.",
    "language": "A language tag such as `en` or `uk`.",
    "likelihood": "One of the seven terms of ICD 203.",
    "name": "The source's name.",
    "note": "The recorder's words about it.",
    "other": "The claim at the other end of the link.",
    "principal": "The party that the source speaks for; default: itself.",
    "published_at": "When the document came out (public time, EDTF).",
    "publisher": "The source that published the document.",
    "quote": "The words that were said.",
    "rater": "Who rates the source, in the recorder's words.",
    "reason": "Why it is corrected, reworded or voided.",
    "recorder": "Who recorded it; with access control, by default the caller.",
    "relation": "How the claim bears on the other.",
    "reliability": "The Admiralty scale's, A (completely reliable) to F.",
    "retrieved_at": "When the document was read (public time, EDTF).",
    "said_at": "When the source made it public (public time, EDTF).",
    "sha256": "SHA-256 of the document's bytes, in hex.",
    "source": "The source that it is about, or whose word it is.",
    "statement": "The statement that is the promised update.",
    "strength": "How firmly it is said.",
    "text": "The claim in the ledger's words.",
    "timezone": "The IANA name of the zone that days are read in.",
    "title": "The title.",
    "topic": "The topic.",
    "topics": "The topics that the claim is filed under from the start.",
    "url": "Where it can be read.",
    "via": "The sources that relayed it, nearest first.",
}
"""What the fields of events mean, by name."""


def _define(kind: type[Enum], description: str) -> None:
    told = _VALUES[kind]
    # Where strawberry looks for it; its own decorator would replace the descriptions.
    kind.__strawberry_definition__ = StrawberryEnumDefinition(  # type: ignore[attr-defined]
        wrapped_cls=kind,
        name=kind.__name__,
        values=[
            EnumValue(member.name, member.value, description=told[member.value])
            for member in kind
        ],
        description=description,
    )


for _kind, _description in _ENUMS.items():
    _define(_kind, _description)

__all__ = [
    "EVENTS",
    "FIELDS",
    "RECORDABLE",
    "ClaimKind",
    "Confidence",
    "EventType",
    "ExpectationState",
    "Flag",
    "Implicit",
    "Likelihood",
    "Relation",
    "Reliability",
    "Side",
    "SourceKind",
    "Stance",
    "Status",
    "Strength",
    "capitals",
    "sentence",
]
