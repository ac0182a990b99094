"""What may be asked in a query string: one frozen model for each kind of question.

The models name, describe and check the parameters; the document at
``/v1/openapi.json`` is made from them too. What only the ledger can judge (dates,
names, cursors) is left to it, so that every interface refuses it in the same words.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from dateline.api.problems import InvalidParameter
from dateline.domain.rule import Policy, Status
from dateline.ledger import parse_policy
from dateline.projections.codec import CODEC
from dateline.projections.store import OPEN_END

DEFAULT_FIRST = 50
"""Entries on a page, where ``first`` is left out and no more are allowed."""

_MOST_PARAMETERS = 200
_SHOWN = 60

Given = Mapping[str, Any]
"""Parameters as they were given, by name: a text, or a list of texts."""


# --- kinds of values ----------------------------------------------------------------


def _whole(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    raise PydanticCustomError("whole_number", "it is a whole number, in digits")


def _boolean(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value)


def _judged(value: Any) -> Any:
    return parse_policy(value) if isinstance(value, str) else value


def _known(types: tuple[str, ...]) -> tuple[str, ...]:
    for name in types:
        if name not in CODEC.types:
            raise PydanticCustomError("event_type", "it names no event type")
    return types


def _listed(words: list[str], title: str) -> WithJsonSchema:
    """Describe a repeatable parameter whose values may also be joined by commas."""
    choice = "|".join(words)
    return WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "string",
                "title": title,
                "pattern": f"^({choice})(,({choice}))*$",
                "examples": words[:1],
            },
        }
    )


_DATE = {"type": "string", "format": "date"}
_INSTANT = {"type": "string", "format": "date-time"}
_POSITION = {"type": "string", "pattern": "^[0-9]{1,18}$"}

Day = Annotated[
    str,
    WithJsonSchema({"anyOf": [_DATE, _INSTANT], "examples": ["2024-10-22"]}),
]
Moment = Annotated[
    str,
    WithJsonSchema(
        {"anyOf": [_POSITION, _DATE, _INSTANT], "examples": ["31", "2024-10-23"]}
    ),
]
Position = Annotated[int, Field(ge=0, le=OPEN_END), BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
Judged = Annotated[Policy, BeforeValidator(_judged)]
Statuses = Annotated[tuple[Status, ...], _listed(list(Status), "Status")]
Types = Annotated[
    tuple[str, ...],
    AfterValidator(_known),
    _listed(sorted(CODEC.types), "EventType"),
]
Flag = Annotated[bool, BeforeValidator(_boolean), Field(strict=True)]

RecordedBy = Annotated[
    Moment | None,
    Field(
        description="Record time: answer from what the ledger had recorded by then. A "
        "position, an instant or a day (its end, in the ledger's zone). Default: the "
        "head. What lies ahead is refused, since that answer could still change."
    ),
]
On = Annotated[
    Day,
    Field(
        description="Public time: what had been said by then. A day (its end, in the "
        "ledger's zone) or an instant with an offset. It has no default."
    ),
]
JudgedBy = Annotated[
    Judged | None,
    Field(
        description="What a confirmation takes, as JSON. Default: "
        '`{"confirmations": 1, "independent": false, "implicit": "count"}`.'
    ),
]
First = Annotated[
    Count | None,
    Field(description=f"Entries on the page. Default: {DEFAULT_FIRST}."),
]
After = Annotated[
    str | None,
    Field(
        description="The `next` of the page before. It is bound to its question and "
        "to the position the first page was answered at."
    ),
]


# --- questions ----------------------------------------------------------------------


class Query(BaseModel):
    """What every operation takes: nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reading(Query):
    """What every reading operation takes."""

    at_least: Annotated[
        Position | None,
        Field(
            description="A position that the ledger must have reached, such as that "
            "of a receipt. The answer waits for it, for a bounded time.",
        ),
    ] = None


class RecordedReading(Reading):
    """A question at a point of record time."""

    recorded_by: RecordedBy = None


class RegisterQuery(RecordedReading):
    """A page of a register."""

    first: First = None
    after: After = None


class ExpectationsQuery(RecordedReading):
    """A question at a point of both times."""

    on: On


class ClaimQuery(ExpectationsQuery):
    """A question at a point, under a policy."""

    policy: JudgedBy = None


class TimelineQuery(RecordedReading):
    """A question over all of public time, under a policy."""

    policy: JudgedBy = None


class KnowledgeQuery(ClaimQuery):
    """What was known of claims at a point."""

    topic: Annotated[
        str | None, Field(description="Only claims filed under this topic.")
    ] = None
    status: Annotated[
        Statuses | None,
        Field(
            description="Only claims with one of these statuses; repeatable, or "
            "joined by commas. The counts are of all."
        ),
    ] = None
    first: First = None
    after: After = None


class ChangesQuery(Reading):
    """What differs between two points; or, as a stream, what each event changes."""

    from_: Annotated[
        Day | None,
        Field(
            alias="from",
            description="Public time of the first point; it may be the later one. "
            "Required, unless the changes are streamed.",
        ),
    ] = None
    from_recorded_by: Annotated[
        Moment | None,
        Field(description="Record time of the first point. Default: the head."),
    ] = None
    to: Annotated[
        Day | None,
        Field(
            description="Public time of the second point. Required, unless the "
            "changes are streamed."
        ),
    ] = None
    to_recorded_by: Annotated[
        Moment | None,
        Field(description="Record time of the second point. Default: the head."),
    ] = None
    topic: Annotated[
        str | None, Field(description="Only claims filed under this topic.")
    ] = None
    policy: JudgedBy = None
    first: First = None
    after: Annotated[
        str | None,
        Field(
            description="The `next` of the page before. As a stream: the cursor that "
            "came with what was read last, or a position; default: the head."
        ),
    ] = None


class EventsQuery(Reading):
    """Events of the log, in order."""

    after: Annotated[
        str | None,
        Field(
            description="A cursor, or a position: what comes after it is given. "
            "Default: the beginning; as a stream, the head."
        ),
    ] = None
    first: Annotated[
        Count | None,
        Field(
            description=f"Events at most. Default: {DEFAULT_FIRST}; as NDJSON, all up "
            "to the present head. Not given for a stream.",
        ),
    ] = None
    topic: Annotated[
        str | None,
        Field(
            description="Only events of the topic, and of claims that were filed "
            "under it when they were recorded."
        ),
    ] = None
    claim: Annotated[
        str | None, Field(description="Only events of the claim, and links to it.")
    ] = None
    source: Annotated[
        str | None,
        Field(description="Only events of the source, its statements, their voids."),
    ] = None
    type: Annotated[
        Types | None,
        Field(
            description="Only events of these types; repeatable, or joined by commas."
        ),
    ] = None


class RecordQuery(Query):
    """How events are recorded."""

    atomic: Annotated[
        Flag,
        Field(
            description="Whether one bad line keeps all of an NDJSON body from being "
            "recorded. If false, the good lines are recorded as they arrive."
        ),
    ] = True


# --- reading ------------------------------------------------------------------------

PINNING = ("recorded_by", "from_recorded_by", "to_recorded_by", "after", "at_least")
"""The parameters that say where in the log a question is asked, and not what."""

_REMEMBERED = 1_024
_REMEMBERED_BYTES = 512


class Asked(NamedTuple):
    """A query string that was read.

    Attributes:
        query: the checked parameters.
        given: as they were given.
        rest: those that say what is asked, for URLs.
    """

    query: Query
    given: Given
    rest: str


def read(model: type[Query], query: bytes, *, max_first: int) -> Asked:
    """Read a query string.

    Raises:
        InvalidParameter: unknown, repeated, missing, or a value it may not have.
        DatelineError: what the ledger says of a policy.
    """
    is_short = len(query) <= _REMEMBERED_BYTES
    asked = _read_lately(model, query) if is_short else _read(model, query)
    first = getattr(asked.query, "first", None)
    if first is not None and first > max_first:
        raise InvalidParameter(f"first is {first}; it is at most {max_first}", "first")
    return asked


def _read(model: type[Query], query: bytes) -> Asked:
    given = _given(model, query)
    try:
        read = model.model_validate(given)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        name = str(detail["loc"][0])
        sentence = _sentence(name, detail["type"], detail["msg"])
        raise InvalidParameter(sentence, name) from None
    rest = {name: value for name, value in given.items() if name not in PINNING}
    return Asked(read, given, urlencode(rest, doseq=True))


_read_lately = lru_cache(_REMEMBERED)(_read)


def _given(model: type[Query], query: bytes) -> Given:
    lists = _parameters(model)
    given: dict[str, Any] = {}
    for name, value in pairs_of(query):
        is_list = lists.get(name)
        if is_list is None:
            names = ", ".join(lists) or "none"
            raise InvalidParameter(
                f"there is no parameter {_short(name)} here; there are: {names}",
                _short(name).strip("'"),
            )
        if is_list:
            given.setdefault(name, []).extend(value.split(","))
        elif name in given:
            raise InvalidParameter(f"{name} is given more than once", name)
        else:
            given[name] = value
    return given


def pairs_of(query: bytes) -> list[tuple[str, str]]:
    """Read what is sent as in a query string.

    Raises:
        InvalidParameter: it is not UTF-8, or has too many parameters.
    """
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise InvalidParameter("the query string is not UTF-8", "query") from None
    except ValueError:
        raise InvalidParameter(
            f"the query string has more than {_MOST_PARAMETERS} parameters", "query"
        ) from None


@lru_cache
def _parameters(model: type[Query]) -> dict[str, bool]:
    """Return a model's parameters by name, and whether they are repeatable."""
    return {
        field.alias or name: name in ("status", "type")
        for name, field in model.model_fields.items()
    }


def _sentence(name: str, kind: str, message: str) -> str:
    if kind == "missing":
        return f"{name} is required"
    return f"{name}: {message[:1].lower()}{message[1:]}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
