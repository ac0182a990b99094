"""JSON Schema of what REST takes and gives, from the models themselves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from dateline.domain.events import AnyEvent, Event, EventId, Word
from dateline.domain.times import print_datetime

Components = dict[str, dict[str, Any]]

Moded = tuple[type[Any], JsonSchemaMode]
"""A model, as it is taken (validation) or as it is given (serialization)."""

References = Mapping[Moded, dict[str, Any]]

TEMPLATE = "#/components/schemas/{model}"

EVENT_TYPES: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])


def ref(name: str) -> dict[str, Any]:
    """Refer to a component."""
    return {"$ref": TEMPLATE.format(model=name)}


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_POSITION = {"type": "integer", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}


def _object(description: str, **properties: Any) -> dict[str, Any]:
    """Describe an object that has all of some properties, and no others."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


EVENTS = {"anyOf": [ref("Event"), _array(ref("Event"))]}
"""A body in JSON: an event, or several."""

EVENT_LINES = {**_array(ref("Event")), "minItems": 1}
"""A body in NDJSON: an event on each line, described as the array of its lines."""

MESSAGES = {
    "type": "string",
    "description": "Server-sent events: `id` is a cursor to go on from, `data` JSON.",
}

OWN: Components = {
    "EventPage": _object(
        "A page of the log. `next` is the cursor to go on with, null at the head; "
        "`position` is the head.",
        events=_array(ref("StoredEvent")),
        next={"type": ["string", "null"]},
        position=_POSITION,
    ),
    "EventsEnd": _object(
        "The last line of a stream that is whole. `next` is the cursor to go on with.",
        end={"const": True},
        count=_COUNT,
        position=_POSITION,
        next={"type": "string"},
    ),
    "LineRecorded": _object(
        "Where the event on a line stands; `new` is false if it was there before.",
        line={"type": "integer", "minimum": 1},
        id={"type": "string"},
        position=_POSITION,
        new={"type": "boolean"},
    ),
    "LineRefused": _object(
        "Why the event on a line was not recorded.",
        line={"type": "integer", "minimum": 1},
        error=ref("Problem"),
    ),
    "Failure": _object(
        "What went wrong midway; no line follows, and nothing more was done.",
        error=ref("Problem"),
    ),
    "RecordEnd": _object(
        "The last line of results that are whole. `position` is that of the last "
        "event, or the head.",
        end={"const": True},
        count=_COUNT,
        new=_COUNT,
        failed=_COUNT,
        position=_POSITION,
    ),
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457). `code` is stable; the values that "
        "the error is about stand beside it.",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "code": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail", "code"],
        "additionalProperties": True,
    },
}
"""What has no model of its own."""

STORED_LINES = _array({"anyOf": [ref("StoredEvent"), ref("EventsEnd"), ref("Failure")]})
RESULT_LINES = _array(
    {
        "anyOf": [
            ref("LineRecorded"),
            ref("LineRefused"),
            ref("RecordEnd"),
            ref("Failure"),
        ]
    }
)


class _Generator(GenerateJsonSchema):
    """Says what pydantic cannot know: all of an answer is there, and what is a date."""

    def field_is_required(
        self,
        field: core_schema.ModelField
        | core_schema.DataclassField
        | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization":
            return True
        return super().field_is_required(field, total)

    def str_schema(self, schema: core_schema.StringSchema) -> dict[str, Any]:
        """Leave out the flag before a pattern: ECMA-262 has none, nor need of it."""
        described = super().str_schema(schema)
        if "pattern" in described:
            described["pattern"] = described["pattern"].removeprefix("(?s)")
        return described

    def ser_schema(self, schema: Any) -> Any:
        described = super().ser_schema(schema)
        if schema.get("function") is print_datetime:
            return {"type": "string", "format": "date-time"}
        return described


class _Envelope(BaseModel):
    """What the ledger adds to an event."""

    id: EventId
    position: Annotated[int, Field(ge=1)]
    recorded_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    recorder: Word | None
    stream: str
    version: Annotated[int, Field(ge=1)]
    schema_version: Annotated[int, Field(ge=1)]
    salts: dict[str, str]
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _stored(kind: type[Event]) -> type[BaseModel]:
    """Return the model of an event as the log gives it: its fields and the envelope."""
    envelope: dict[str, Any] = {
        name: (field.rebuild_annotation(), field)
        for name, field in _Envelope.model_fields.items()
    }
    return create_model(
        f"Stored{kind.__name__}", __base__=kind, __doc__=kind.__doc__, **envelope
    )


def components(models: Iterable[Moded]) -> tuple[References, Components]:
    """Return references to models, and all components that are referred to."""
    stored = [_stored(kind) for kind in EVENT_TYPES]
    events: list[type[BaseModel]] = [*EVENT_TYPES, *stored]
    refs, document = models_json_schema(
        [*models, *((one, "validation") for one in events)],
        ref_template=TEMPLATE,
        schema_generator=_Generator,
    )
    found: Components = {**document["$defs"], **OWN}
    for model in events:
        described = found[model.__name__]
        described["required"] = ["type", *described.get("required", ())]
        described["properties"]["type"].pop("default", None)
    found["Event"] = _union("An event to be recorded.", EVENT_TYPES)
    found["StoredEvent"] = _union("An event as it stands in the log.", stored)
    return {(model, mode): one for (model, mode), one in refs.items()}, found


def _union(description: str, kinds: Sequence[type[BaseModel]]) -> dict[str, Any]:
    refs = [ref(kind.__name__) for kind in kinds]
    named = zip(EVENT_TYPES, refs, strict=True)
    mapping = {kind.__name__: one["$ref"] for kind, one in named}
    return {
        "description": description,
        "oneOf": refs,
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
