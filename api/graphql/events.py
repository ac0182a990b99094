"""One object type for each event type, made from the event models.

Fields that name something become references; dates stay texts, as they were given.
Nothing about an event is written down twice: a field added to a model is added here.
"""

from enum import Enum
from types import NoneType
from typing import Any, get_args

import strawberry
from pydantic.fields import FieldInfo

from dateline.api.graphql.references import (
    CLAIM,
    DOCUMENT,
    EVENT,
    SOURCE,
    STATEMENT,
    TOPIC,
    Named,
    many,
    one,
)
from dateline.api.graphql.types import (
    Claim,
    Document,
    Event,
    Source,
    Statement,
    StatementBasis,
    Topic,
    statement_basis,
    told,
)
from dateline.api.graphql.words import EVENTS, FIELDS, sentence
from dateline.domain.events import Event as EventModel

ENVELOPE = ("type", "id", "recorder")
"""The fields of a model that the interface has already."""

REFERENCES: dict[str, tuple[Named, type]] = {
    "topic": (TOPIC, Topic),
    "topics": (TOPIC, Topic),
    "source": (SOURCE, Source),
    "principal": (SOURCE, Source),
    "publisher": (SOURCE, Source),
    "awaits": (SOURCE, Source),
    "via": (SOURCE, Source),
    "document": (DOCUMENT, Document),
    "claim": (CLAIM, Claim),
    "other": (CLAIM, Claim),
    "claims": (CLAIM, Claim),
    "statement": (STATEMENT, Statement),
    "event": (EVENT, Event),
}
"""The fields that name something, and what: a list of ids if the model has one."""

IDS = frozenset(("expectation",))
"""The fields that are ids of what has no type of its own: it depends on the day."""


def own_fields(kind: type[EventModel]) -> dict[str, FieldInfo]:
    """Return the fields of an event type without those that every event has."""
    return {
        name: field for name, field in kind.model_fields.items() if name not in ENVELOPE
    }


def is_list(field: FieldInfo) -> bool:
    """Tell whether a field holds ids, and not one."""
    return (
        field.annotation is not None
        and getattr(field.annotation, "__origin__", None) is tuple
    )


def word_of(field: FieldInfo) -> type[Enum] | None:
    """Return the enum that a field's values are words of, if they are."""
    for candidate in (field.annotation, *_within(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Enum):
            return candidate
    return None


def is_number(field: FieldInfo) -> bool:
    """Tell whether a field is a whole number."""
    return int in (field.annotation, *_within(field.annotation))


def _within(annotation: Any) -> tuple[Any, ...]:
    """Return what a type is made of, through unions and annotations."""
    members = tuple(m for m in get_args(annotation) if m is not NoneType)
    return (*members, *(deeper for member in members for deeper in _within(member)))


def is_optional(field: FieldInfo) -> bool:
    """Tell whether a field may be null in an event as recorded."""
    return NoneType in get_args(field.annotation)


def _type_of(name: str, field: FieldInfo) -> Any:
    if name in REFERENCES:
        named = REFERENCES[name][1]
        # A type that is known when this runs, and not before.
        return list[named] if is_list(field) else named  # type: ignore[valid-type]
    if name == "basis":
        return StatementBasis
    if name in IDS:
        return strawberry.ID
    return word_of(field) or (int if is_number(field) else str)


def _resolver_of(name: str, field: FieldInfo) -> Any:
    if name == "basis":
        return statement_basis
    if name in REFERENCES:
        return (many if is_list(field) else one)(REFERENCES[name][0], name)
    return None


def _resolved(*_: object) -> bool:
    """Tell that the interface knew the type already."""
    return True


def _object_type(kind: type[EventModel]) -> type[Event]:
    annotations: dict[str, Any] = {}
    members: dict[str, Any] = {
        "__annotations__": annotations,
        "__module__": __name__,
        "is_type_of": staticmethod(_resolved),
    }
    for name, field in own_fields(kind).items():
        described = FIELDS[name]
        annotation = _type_of(name, field)
        annotations[name] = annotation | None if is_optional(field) else annotation
        members[name] = told(described, _resolver_of(name, field))
    return strawberry.type(
        type(kind.__name__, (Event,), members), description=sentence(kind)
    )


EVENT_TYPES: tuple[type[Event], ...] = tuple(_object_type(kind) for kind in EVENTS)
"""The object types, which a schema has to be told of."""
