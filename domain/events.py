"""Everything that can happen in a ledger: a closed set, read in one sitting.

Each event is frozen and strict; unknown fields are refused. Dates are kept as they
were given (EDTF level 0, instants printed in UTC); what they stand for depends on
the ledger's zone and is read by :mod:`dateline.domain.times`. What the ledger adds
when it records an event, the envelope, is in :mod:`dateline.domain.recorded`.
"""

from enum import StrEnum
from functools import partial
from reprlib import Repr
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from dateline.domain import errors, times

TEXT_LIMIT = 10_000
"""Characters in a text: claims' texts, descriptions, notes, reasons."""
QUOTE_LIMIT = 20_000
"""Characters in a quote."""
NAME_LIMIT = 1_000
"""Characters in a title or a name."""
URL_LIMIT = 4_000
"""Characters in a URL."""
WORD_LIMIT = 200
"""Characters in a country, rater, assessor or recorder."""
LIST_LIMIT = 100
"""Entries in a list."""

FREE_TEXTS = frozenset(
    ("text", "title", "description", "name", "quote", "note", "reason", "url")
)
"""Fields that enter the hash chain salted, so that they can be erased later."""


# --- words ----------------------------------------------------------------------


class Stance(StrEnum):
    """What a source does about a claim."""

    ASSERTED = "asserted"
    DENIED = "denied"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    WITHHELD = "withheld"
    RETRACTED = "retracted"


class Strength(StrEnum):
    """How firmly a source says it."""

    PLAIN = "plain"
    HEDGED = "hedged"
    CONDITIONAL = "conditional"
    IMPLICIT = "implicit"


class SourceKind(StrEnum):
    """What a source is."""

    PERSON = "person"
    OFFICE = "office"
    ORGANISATION = "organisation"
    OUTLET = "outlet"
    SENSOR = "sensor"


class ClaimKind(StrEnum):
    """What sort of proposition a claim is."""

    FACT = "fact"
    FORECAST = "forecast"
    INTENTION = "intention"
    ASSESSMENT = "assessment"


class Relation(StrEnum):
    """How one claim bears on another; only ``contradicts`` is symmetric."""

    CONTRADICTS = "contradicts"
    SUPPORTS = "supports"
    REFINES = "refines"


class Reliability(StrEnum):
    """A source's reliability on the Admiralty scale (NATO AJP-2.1)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Likelihood(StrEnum):
    """The seven terms of Intelligence Community Directive 203, section D.6.e.2."""

    ALMOST_NO_CHANCE = "almost no chance"
    VERY_UNLIKELY = "very unlikely"
    UNLIKELY = "unlikely"
    ROUGHLY_EVEN_CHANCE = "roughly even chance"
    LIKELY = "likely"
    VERY_LIKELY = "very likely"
    ALMOST_CERTAIN = "almost certain"


class Confidence(StrEnum):
    """How sure an assessor is of an assessment."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class BasisWord(StrEnum):
    """What a statement rests on, where it does not name statements or sources."""

    OWN = "own"
    UNKNOWN = "unknown"


# --- kinds of values --------------------------------------------------------------

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,127}$"
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
_VISIBLE_WITHOUT_NUL = r"(?s)^[^\x00]*[^\s\x00][^\x00]*$"


def _text(limit: int) -> StringConstraints:
    return StringConstraints(max_length=limit, pattern=_VISIBLE_WITHOUT_NUL)


def _date(value: str) -> str:
    return _as_validation(value, open_ends=False)


def _span(value: str) -> str:
    return _as_validation(value, open_ends=True)


def _as_validation(value: str, *, open_ends: bool) -> str:
    try:
        return times.normalise(value, open_ends=open_ends)
    except errors.InvalidTime as error:
        raise PydanticCustomError(
            "edtf", "{sentence}", {"sentence": str(error), "error": type(error)}
        ) from None


def _without_itself(name: str, fields: Any) -> Any:
    """Leave out a party that is the source itself: that is the default."""
    if isinstance(fields, dict) and fields.get(name) == fields.get("source", ...):
        return {key: value for key, value in fields.items() if key != name}
    return fields


def _spaced(value: Any) -> Any:
    return value.replace("_", " ") if isinstance(value, str) else value


def _plain(strength: Strength) -> Strength:
    if strength is not Strength.PLAIN:
        raise ValueError("always plain; a hedged one is a ClaimAsserted or ClaimDenied")
    return strength


Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
EventId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Text = Annotated[str, _text(TEXT_LIMIT)]
Quote = Annotated[str, _text(QUOTE_LIMIT)]
Name = Annotated[str, _text(NAME_LIMIT)]
Url = Annotated[str, _text(URL_LIMIT)]
Word = Annotated[str, _text(WORD_LIMIT)]
Date = Annotated[str, AfterValidator(_date)]
Span = Annotated[str, AfterValidator(_span)]
Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$")
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$", to_lower=True)]
Slugs = Annotated[
    tuple[Slug, ...], Field(strict=False, max_length=LIST_LIMIT, fail_fast=True)
]
Basis = (
    Annotated[BasisWord, Field(strict=False)]
    | Annotated[
        tuple[EventId, ...],
        Field(strict=False, min_length=1, max_length=LIST_LIMIT, fail_fast=True),
    ]
)

Firmness = Annotated[Strength, Field(strict=False)]
AlwaysPlain = Annotated[Firmness, AfterValidator(_plain)]


# --- events -------------------------------------------------------------------------


class Event(BaseModel):
    """Something that happened, as the caller tells it.

    ``id`` is the caller's name for it; without one the ledger picks it. ``recorder``
    says who took it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: str
    id: EventId | None = None
    recorder: Word | None = None


class LedgerOpened(Event):
    """A ledger begins, with its title and the time zone its days are read in."""

    type: Literal["LedgerOpened"] = "LedgerOpened"
    title: Name
    timezone: Word = "UTC"


class TopicOpened(Event):
    """A subject comes under watch."""

    type: Literal["TopicOpened"] = "TopicOpened"
    topic: Slug
    title: Name
    description: Text | None = None


class SourceRegistered(Event):
    """A person, office, organisation, outlet or sensor can now take positions.

    ``principal`` names the party it speaks for, registered before; default: itself.
    """

    type: Literal["SourceRegistered"] = "SourceRegistered"
    source: Slug
    name: Name
    kind: Annotated[SourceKind, Field(strict=False)] | None = None
    principal: Slug | None = None
    country: Word | None = None
    url: Url | None = None

    _itself = model_validator(mode="before")(partial(_without_itself, "principal"))


class SourceCorrected(Event):
    """Our description of a source was wrong; its principal never changes."""

    type: Literal["SourceCorrected"] = "SourceCorrected"
    source: Slug
    reason: Text
    name: Name | None = None
    kind: Annotated[SourceKind, Field(strict=False)] | None = None
    country: Word | None = None
    url: Url | None = None


class SourceRated(Event):
    """Somebody rates a source's reliability. Kept and shown; it moves no status."""

    type: Literal["SourceRated"] = "SourceRated"
    source: Slug
    reliability: Annotated[Reliability, Field(strict=False)]
    rater: Word | None = None
    note: Text | None = None


class DocumentCaptured(Event):
    """Where we read it: ``published_at`` and ``retrieved_at`` are public time."""

    type: Literal["DocumentCaptured"] = "DocumentCaptured"
    document: Slug
    title: Name
    publisher: Slug | None = None
    url: Url | None = None
    published_at: Date | None = None
    retrieved_at: Date | None = None
    sha256: Sha256 | None = None


class DocumentCorrected(Event):
    """Our description of a document was wrong."""

    type: Literal["DocumentCorrected"] = "DocumentCorrected"
    document: Slug
    reason: Text
    title: Name | None = None
    publisher: Slug | None = None
    url: Url | None = None
    published_at: Date | None = None
    retrieved_at: Date | None = None
    sha256: Sha256 | None = None


class ClaimFramed(Event):
    """A proposition that can be true or false, put in the ledger's words.

    ``about`` is when the thing claimed would be so; its ends may be open (``..``).
    """

    type: Literal["ClaimFramed"] = "ClaimFramed"
    claim: Slug
    text: Text
    topics: Slugs = ()
    about: Span | None = None
    kind: Annotated[ClaimKind, Field(strict=False)] | None = None
    language: Language | None = None


class ClaimReworded(Event):
    """The ledger puts the same claim in other words."""

    type: Literal["ClaimReworded"] = "ClaimReworded"
    claim: Slug
    text: Text
    reason: Text | None = None


class ClaimFiled(Event):
    """A claim is put under a topic."""

    type: Literal["ClaimFiled"] = "ClaimFiled"
    claim: Slug
    topic: Slug


class ClaimUnfiled(Event):
    """A claim is taken from a topic."""

    type: Literal["ClaimUnfiled"] = "ClaimUnfiled"
    claim: Slug
    topic: Slug


class ClaimsLinked(Event):
    """One claim bears on another, from ``claim`` to ``other``."""

    type: Literal["ClaimsLinked"] = "ClaimsLinked"
    claim: Slug
    other: Slug
    relation: Annotated[Relation, Field(strict=False)]


class ClaimsUnlinked(Event):
    """A link is taken back."""

    type: Literal["ClaimsUnlinked"] = "ClaimsUnlinked"
    claim: Slug
    other: Slug
    relation: Annotated[Relation, Field(strict=False)]


class Statement(Event):
    """What one source said about one claim at one time.

    ``said_at`` is public time: when the source made it public.
    """

    stance: ClassVar[Stance]

    claim: Slug
    source: Slug
    said_at: Date
    document: Slug | None = None
    quote: Quote | None = None
    url: Url | None = None
    note: Text | None = None


class PositionTaken(Statement):
    """A statement that takes a side, or withholds one.

    ``basis`` is what it rests on: the source's ``own`` knowledge, ``unknown``, or
    earlier statements on the claim and sources, by id. ``via`` names who relayed it,
    nearest first.
    """

    strength: Firmness = Strength.PLAIN
    basis: Basis = BasisWord.UNKNOWN
    via: Slugs = ()
    language: Language | None = None


class ClaimAsserted(PositionTaken):
    """A source says that the claim is so."""

    type: Literal["ClaimAsserted"] = "ClaimAsserted"
    stance: ClassVar[Stance] = Stance.ASSERTED


class ClaimDenied(PositionTaken):
    """A source says that the claim is not so."""

    type: Literal["ClaimDenied"] = "ClaimDenied"
    stance: ClassVar[Stance] = Stance.DENIED


class ClaimConfirmed(PositionTaken):
    """A source that checked for itself says that the claim is so.

    Always plain: a hedged "probably" is a ClaimAsserted with its strength.
    """

    type: Literal["ClaimConfirmed"] = "ClaimConfirmed"
    stance: ClassVar[Stance] = Stance.CONFIRMED
    strength: AlwaysPlain = Strength.PLAIN
    basis: Basis = BasisWord.OWN


class ClaimRefuted(PositionTaken):
    """A source that checked for itself says that the claim is not so. Always plain."""

    type: Literal["ClaimRefuted"] = "ClaimRefuted"
    stance: ClassVar[Stance] = Stance.REFUTED
    strength: AlwaysPlain = Strength.PLAIN
    basis: Basis = BasisWord.OWN


class ConfirmationWithheld(PositionTaken):
    """A source says that it cannot confirm the claim: a stance of its own."""

    type: Literal["ConfirmationWithheld"] = "ConfirmationWithheld"
    stance: ClassVar[Stance] = Stance.WITHHELD


class StatementRetracted(Statement):
    """A source takes back what it held; it may reach us before what it retracts."""

    type: Literal["StatementRetracted"] = "StatementRetracted"
    stance: ClassVar[Stance] = Stance.RETRACTED


class RecordVoided(Event):
    """Our recording was wrong: from this position on ``event`` counts for nothing.

    ``event`` is the id of a statement, SourceRated, ClaimAssessed, UpdateExpected or
    UpdateReceived. A source's own change of mind is a StatementRetracted.
    """

    type: Literal["RecordVoided"] = "RecordVoided"
    event: EventId
    reason: Text


class ClaimAssessed(Event):
    """An analyst's judgement of a claim. Kept and shown; it moves no status.

    ``credibility`` is the Admiralty scale's, 1 (confirmed) to 6 (cannot be judged).
    """

    type: Literal["ClaimAssessed"] = "ClaimAssessed"
    claim: Slug
    assessor: Word
    assessed_at: Date
    credibility: Annotated[int, Field(ge=1, le=6)] | None = None
    likelihood: (
        Annotated[Likelihood, Field(strict=False), BeforeValidator(_spaced)] | None
    ) = None
    confidence: Annotated[Confidence, Field(strict=False)] | None = None
    note: Text | None = None


class UpdateExpected(Event):
    """Somebody promised news by ``due``; ``awaits`` is whose word it is.

    ``said_at`` is when the promise was made public; ``awaits`` defaults to
    ``source``, who made it.
    """

    type: Literal["UpdateExpected"] = "UpdateExpected"
    expectation: Slug
    claims: Annotated[
        tuple[Slug, ...],
        Field(strict=False, min_length=1, max_length=LIST_LIMIT, fail_fast=True),
    ]
    source: Slug
    said_at: Date
    due: Date
    awaits: Slug | None = None
    quote: Quote | None = None
    document: Slug | None = None

    _itself = model_validator(mode="before")(partial(_without_itself, "awaits"))


class UpdateReceived(Event):
    """A statement is named as the update that was promised."""

    type: Literal["UpdateReceived"] = "UpdateReceived"
    expectation: Slug
    statement: EventId


AnyEvent = Annotated[
    LedgerOpened
    | TopicOpened
    | SourceRegistered
    | SourceCorrected
    | SourceRated
    | DocumentCaptured
    | DocumentCorrected
    | ClaimFramed
    | ClaimReworded
    | ClaimFiled
    | ClaimUnfiled
    | ClaimsLinked
    | ClaimsUnlinked
    | ClaimAsserted
    | ClaimDenied
    | ClaimConfirmed
    | ClaimRefuted
    | ConfirmationWithheld
    | StatementRetracted
    | RecordVoided
    | ClaimAssessed
    | UpdateExpected
    | UpdateReceived,
    Field(discriminator="type"),
]
"""The closed union of events, told apart by ``type``."""

STANCES: dict[str, Stance] = {
    kind.__name__: kind.stance
    for kind in (
        ClaimAsserted,
        ClaimDenied,
        ClaimConfirmed,
        ClaimRefuted,
        ConfirmationWithheld,
        StatementRetracted,
    )
}
"""The statement types and the stance that each takes."""

DATES = ("said_at", "published_at", "retrieved_at", "assessed_at", "due", "about")
"""The fields that hold EDTF values."""

_ALL_FIELDS = frozenset(
    name
    for kind in get_args(get_args(AnyEvent)[0])
    for name in (*kind.model_fields, "type")
)
_MOST_FIELDS = len(_ALL_FIELDS)
"""Among more fields than this there is an unknown one; the others need no look."""

_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def parse_event(fields: object) -> AnyEvent:
    """Check one event's JSON object, already decoded.

    Raises:
        InvalidEvent: one of its subclasses, for the first thing that is wrong.
    """
    if isinstance(fields, dict) and len(fields) > _MOST_FIELDS:
        unknown = next(name for name in fields if name not in _ALL_FIELDS)
        fields = {name: fields[name] for name in _ALL_FIELDS if name in fields}
        fields[unknown] = None
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise _invalid(_first(error.errors(include_url=False))) from None


def _first(details: list[ErrorDetails]) -> ErrorDetails:
    """Pick the first complaint; of a basis that is a list, one about lists."""
    for detail in details:
        if detail["type"] != "enum" or not isinstance(detail["input"], list | tuple):
            return detail
    return details[0]


def _invalid(detail: ErrorDetails) -> errors.InvalidEvent:
    """Put pydantic's first complaint in the ledger's words."""
    path = [str(part) for part in detail["loc"]]
    kind = path[0] if path else "event"
    field = path[1] if len(path) > 1 else None
    place = f"{kind}.{field}" if field else kind
    value = detail["input"]
    match detail["type"]:
        case "union_tag_invalid":
            return errors.UnknownEventType(
                f"there is no event type {_short(detail['ctx']['tag'])}; "
                "docs/reference/events.md lists them",
                "type",
            )
        case "union_tag_not_found" if isinstance(value, dict):
            return errors.MissingField("an event needs a type", "type")
        case "missing":
            return errors.MissingField(f"{place} is required", field)
        case "extra_forbidden":
            return errors.UnknownField(
                f"{kind} has no field {_short(field)}; check its spelling", field
            )
        case "edtf":
            refused: type[errors.InvalidTime] = detail["ctx"]["error"]
            return refused(f"{place}: {detail['ctx']['sentence']}", field)
        case "string_too_long":
            limit = detail["ctx"]["max_length"]
            return errors.TextTooLong(
                f"{place} has {len(value):,} characters; at most {limit:,} are taken",
                field,
            )
        case "too_long":
            limit = detail["ctx"]["max_length"]
            return errors.ListTooLong(
                f"{place} has more than {limit} entries; record the rest separately",
                field,
            )
        case "too_short":
            return errors.EmptyList(f"{place} must name something", field)
        case "string_pattern_mismatch":
            return _mismatch(place, field, value, detail["ctx"]["pattern"])
        case "string_unicode":
            return errors.InvalidEncoding(f"{place} is not valid Unicode", field)
        case _:
            return errors.InvalidValue(
                f"{place}: {detail['msg']}, not {_short(value)}", field
            )


def _mismatch(
    place: str, field: str | None, value: str, pattern: str
) -> errors.InvalidEvent:
    if pattern in (SLUG_PATTERN, ID_PATTERN):
        return errors.InvalidId(
            f"{place}: {_short(value)} does not match {pattern.strip('^$')}", field
        )
    if pattern != _VISIBLE_WITHOUT_NUL:
        return errors.InvalidValue(
            f"{place}: {_short(value)} does not match {pattern.strip('^$')}", field
        )
    if "\x00" in value:
        return errors.NulCharacter(f"{place} contains a NUL character", field)
    return errors.EmptyText(f"{place} is empty; leave it out or fill it", field)


def _short(value: object) -> str:
    return _SHORT.repr(value)


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60
