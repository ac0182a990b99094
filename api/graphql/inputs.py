"""What callers give: policies, points, filters, and events to record.

The inputs of events are made from the event models, like their object types.
"""

from enum import Enum
from typing import Any

import strawberry
from pydantic.fields import FieldInfo
from strawberry import UNSET

from dateline.api.graphql.events import (
    IDS,
    REFERENCES,
    is_list,
    is_number,
    own_fields,
    word_of,
)
from dateline.api.graphql.words import (
    FIELDS,
    RECORDABLE,
    EventType,
    Implicit,
    sentence,
)
from dateline.domain.errors import InvalidValue
from dateline.domain.events import AnyEvent, parse_event
from dateline.domain.events import Event as EventModel


def given(description: str, name: str | None = None) -> Any:
    """Return an input field that may be left out."""
    return strawberry.field(description=description, default=UNSET, name=name)


@strawberry.input(
    description="What a reader asks of a confirmation. What is left out is as in the "
    "default policy: one confirmation, not necessarily independent, implicit "
    "statements count."
)
class PolicyInput:
    confirmations: int | None = given(
        "How many confirmations, or refutations, it takes: 1 or more."
    )
    independent: bool | None = given(
        "Count origins behind confirmed standings, and not principals."
    )
    implicit: Implicit | None = given("What is done with implicit statements.")


@strawberry.input(description="A point of public time and of record time.")
class PointInput:
    on: str = strawberry.field(
        description="Public time: a day counts to its end in the ledger's zone; or an "
        "instant with an offset."
    )
    recorded_by: str | None = given(
        "Record time: a position, an instant or a day; default: the head."
    )


@strawberry.input(description="Which events are wanted; what is left out admits all.")
class EventFilter:
    topic: strawberry.ID | None = given(
        "Events of the topic, and of the claims filed under it when they were recorded."
    )
    claim: strawberry.ID | None = given(
        "Events of the claim, links to it, promises about it."
    )
    source: strawberry.ID | None = given(
        "Events of the source, its statements and promises, and their voids."
    )
    types: list[EventType] | None = given("Events of one of these types.")


@strawberry.input(
    one_of=True, description="What a statement rests on: exactly one of these."
)
class BasisInput:
    own: bool | None = given("True: the source's own knowledge.")
    unknown: bool | None = given("True: it is not known what.")
    refs: list[strawberry.ID] | None = given(
        "Ids of earlier statements on the same claim, and of sources."
    )


class EventInput:
    """One event to record: exactly one of these."""


# --- made from the models -----------------------------------------------------------


def _type_of(name: str, field: FieldInfo) -> Any:
    if name == "basis":
        return BasisInput
    if name in REFERENCES or name in IDS:
        return list[strawberry.ID] if is_list(field) else strawberry.ID
    return word_of(field) or (int if is_number(field) else str)


def _input_type(kind: type[EventModel]) -> type:
    annotations: dict[str, Any] = {}
    members: dict[str, Any] = {"__annotations__": annotations, "__module__": __name__}
    for name, field in own_fields(kind).items():
        annotation = _type_of(name, field)
        if field.is_required():
            annotations[name] = annotation
            members[name] = strawberry.field(description=FIELDS[name])
        else:
            annotations[name] = annotation | None
            members[name] = given(FIELDS[name])
    for name, annotation in (("id", strawberry.ID), ("recorder", str)):
        annotations[name] = annotation | None
        members[name] = given(FIELDS[name])
    title = f"{kind.__name__}Input"
    return strawberry.input(type(title, (), members), description=sentence(kind))


def member_of(kind: type[EventModel]) -> str:
    """Return the name of an event type among the members of ``EventInput``."""
    return kind.__name__[0].lower() + kind.__name__[1:]


_MEMBERS = {member_of(kind): kind for kind in RECORDABLE}

for _member, _kind in _MEMBERS.items():
    EventInput.__annotations__[_member] = _input_type(_kind) | None
    setattr(EventInput, _member, given(sentence(_kind), name=_member))
strawberry.input(EventInput, one_of=True, description=EventInput.__doc__)


# --- read ---------------------------------------------------------------------------


def as_policy(policy: PolicyInput | None) -> dict[str, Any] | None:
    """Return a policy as the JSON of the contract; nothing for the default."""
    return None if policy is None else _entries(policy)


def as_event(event: EventInput) -> AnyEvent:
    """Return the event that an input describes.

    Raises:
        InvalidEvent: one of its subclasses, for the first thing that is wrong.
    """
    ((member, fields),) = _entries(event).items()
    return parse_event({"type": _MEMBERS[member].__name__, **fields})


def _entries(given: object) -> dict[str, Any]:
    """Return what an input has, null and left out being the same."""
    return {
        name: _json(value)
        for name, value in vars(given).items()
        if value is not None and value is not UNSET
    }


def _json(value: Any) -> Any:
    if isinstance(value, BasisInput):
        return _basis(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_json(one) for one in value]
    if hasattr(value, "__strawberry_definition__"):
        return _entries(value)
    return value


def _basis(basis: BasisInput) -> Any:
    ((word, value),) = _entries(basis).items()
    if word == "refs":
        return value
    if value is not True:
        raise InvalidValue(f"basis.{word} is false; it is true or left out", "basis")
    return word


def as_filter(filter: EventFilter | None) -> dict[str, Any]:
    """Return a filter as the arguments of the library."""
    return {} if filter is None else _entries(filter)
