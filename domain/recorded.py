"""The envelope that a ledger adds to an event, and the hash chain over both.

The hash is SHA-256 over the previous hash and the canonical JSON (RFC 8785) of the
event as stored, with each free text replaced by a salted digest of itself: a text
can be erased with its salt, and the chain still verifies.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, model_serializer

from dateline.domain.events import FREE_TEXTS, AnyEvent, Event
from dateline.domain.times import Instant, datetime_of, print_instant, read_instant

FIRST_HASH = "0" * 64
"""What stands for the hash before the first event: 32 zero bytes, in hex."""

ENVELOPE = (
    "id",
    "position",
    "recorded_at",
    "recorder",
    "stream",
    "version",
    "schema_version",
    "salts",
    "hash",
)
"""The fields that the ledger adds, in the order they are printed."""

SALT_BYTES = 16


class Mark(NamedTuple):
    """A position, and the hash of the last event at or before it.

    The hash covers all that was recorded until then. So a mark tells a history from any
    other that the ledger may come to have, once it was restored from an older backup.
    """

    position: int
    hash: str


BEGINNING = Mark(0, FIRST_HASH)
"""Where a reader of the log is before the first event."""


class LogEntry(NamedTuple):
    """An event as it stands in the log: JSON fields and envelope, nothing parsed."""

    position: int
    id: str
    type: str
    fields: Mapping[str, Any]
    stream: str
    version: int
    recorded_at: Instant
    recorder: str | None = None
    schema_version: int = 1
    salts: Mapping[str, str] = {}
    hash: str = ""

    @property
    def mark(self) -> Mark:
        """Where a reader of the log is once it has the event."""
        return Mark(self.position, self.hash)

    def to_json(self) -> dict[str, Any]:
        """Return the flat object of exports: type, fields, envelope."""
        return {
            "type": self.type,
            **self.fields,
            "id": self.id,
            "position": self.position,
            "recorded_at": print_instant(self.recorded_at),
            "recorder": self.recorder,
            "stream": self.stream,
            "version": self.version,
            "schema_version": self.schema_version,
            "salts": dict(self.salts),
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "LogEntry":
        """Read the flat object of exports: the inverse of :meth:`to_json`."""
        envelope = {name: flat[name] for name in ENVELOPE}
        envelope["recorded_at"] = read_instant(flat["recorded_at"])
        fields = {n: v for n, v in flat.items() if n != "type" and n not in envelope}
        return cls(type=flat["type"], fields=fields, **envelope)


class Recorded(BaseModel):
    """An event of the closed set with the envelope that the ledger gave it.

    ``position`` and ``recorded_at`` are record time. Dumps as one flat object, in
    the shape as stored.
    """

    model_config = ConfigDict(frozen=True)

    event: AnyEvent
    id: str
    position: int
    recorded_at: datetime
    recorder: str | None
    stream: str
    version: int
    schema_version: int
    salts: dict[str, str]
    hash: str
    stored: dict[str, Any]
    """The event's fields as stored, before any upcast."""

    @property
    def type(self) -> str:
        return self.event.type

    @classmethod
    def of(cls, entry: LogEntry, event: AnyEvent) -> "Recorded":
        """Join a log entry and the event that its fields stand for."""
        return cls.model_construct(
            event=event,
            id=entry.id,
            position=entry.position,
            recorded_at=datetime_of(entry.recorded_at),
            recorder=entry.recorder,
            stream=entry.stream,
            version=entry.version,
            schema_version=entry.schema_version,
            salts=dict(entry.salts),
            hash=entry.hash,
            stored=entry.to_json(),
        )

    @model_serializer(mode="plain")
    def _flat(self) -> dict[str, Any]:
        return self.stored


def fields_of(event: Event) -> dict[str, Any]:
    """Return an event's fields as they are stored: defaults named, nothing empty."""
    fields = event.model_dump(
        mode="json", exclude={"type", "id", "recorder"}, exclude_none=True
    )
    for name in ("via", "topics"):
        if name in fields and not fields[name]:
            del fields[name]
    return fields


def canonical(document: object) -> bytes:
    """Return RFC 8785 JSON of a document of ASCII keys, strings and integers.

    For these, canonical JSON is sorted keys and no white space; a test holds this
    against the ``rfc8785`` package, which takes ninety times as long.
    """
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def chain_hash(previous: str, entry: LogEntry) -> str:
    """Return the hash of an entry, in lower-case hex, over the one before it.

    The entry's own ``hash`` does not count.
    """
    document = entry.to_json()
    del document["hash"], document["salts"]
    for name, salt in entry.salts.items():
        text = document[name].encode()
        document[name] = sha256(bytes.fromhex(salt) + text).hexdigest()
    return sha256(bytes.fromhex(previous) + canonical(document)).hexdigest()


def follows(previous: str, entry: LogEntry) -> bool:
    """Tell whether an entry's hash is the one that it has after another."""
    try:
        return (
            sorted(entry.salts) == free_texts(entry.fields)
            and chain_hash(previous, entry) == entry.hash
        )
    except (ValueError, TypeError, AttributeError):  # salts or texts of another kind
        return False


def free_texts(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of the free texts among an event's fields, sorted."""
    return sorted(FREE_TEXTS.intersection(fields))


def content_of(type: str, fields: Mapping[str, Any]) -> bytes:
    """Return what two events must share to have the same content."""
    return canonical([type, fields])
