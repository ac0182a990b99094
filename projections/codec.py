"""From log entries to events and back: a closed registry, schema versions, upcasters.

What a row names is looked up here and never imported. Stored bytes never change: an
entry of an older schema is upcast on the way out, by pure functions from JSON to
JSON, one version at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args

import orjson
from eventsourcing.persistence import StoredEvent

from dateline.domain.errors import InvalidEvent, LedgerDamaged
from dateline.domain.events import AnyEvent, parse_event
from dateline.domain.recorded import LogEntry, Recorded

Fields = Mapping[str, Any]
Upcaster = Callable[[Fields], Fields]

UPCASTERS: Mapping[str, tuple[Upcaster, ...]] = {
    event_type.__name__: () for event_type in get_args(get_args(AnyEvent)[0])
}
"""For each event type, how version 1 becomes 2, 2 becomes 3, and so on.

A type's current schema version is one more than its upcasters. A new version comes
with a golden file of the old one under tests/golden/events/.
"""


class Codec:
    """The event types this release knows, and how their older shapes are read."""

    def __init__(self, upcasters: Mapping[str, tuple[Upcaster, ...]]) -> None:
        self._upcasters = upcasters
        self.types = frozenset(upcasters)

    def schema_version(self, event_type: str) -> int:
        """Return the version that new events of a type are stored in."""
        return len(self._upcasters[event_type]) + 1

    def check(self, entry: LogEntry) -> None:
        """Refuse an entry that this release cannot read.

        Raises:
            LedgerDamaged: the type is not in the registry, or of a later version.
        """
        if entry.type not in self._upcasters:
            raise LedgerDamaged(
                f"position {entry.position} holds an event of type {entry.type!r}, "
                "which this release does not know; upgrade dateline"
            )
        if not 1 <= entry.schema_version <= self.schema_version(entry.type):
            raise LedgerDamaged(
                f"position {entry.position} holds a {entry.type} of schema version "
                f"{entry.schema_version}, which this release cannot read; upgrade "
                "dateline"
            )

    def upcast(self, entry: LogEntry) -> LogEntry:
        """Return the entry with its fields in the current shape."""
        self.check(entry)
        pending = self._upcasters[entry.type][entry.schema_version - 1 :]
        if not pending:
            return entry
        fields = entry.fields
        for upcaster in pending:
            fields = upcaster(fields)
        return entry._replace(fields=fields)

    def decode(self, entry: LogEntry) -> Recorded:
        """Return the typed event with its envelope."""
        fields = self.upcast(entry).fields
        try:
            event = parse_event({"type": entry.type, **fields})
        except InvalidEvent as error:
            raise LedgerDamaged(
                f"position {entry.position} holds what was never recorded "
                f"({error.sentence}); restore a backup"
            ) from None
        return Recorded.of(entry, event)


def stored_event(entry: LogEntry) -> StoredEvent:
    """Return what the event store's recorder keeps of an entry."""
    return StoredEvent(
        originator_id=entry.stream,
        originator_version=entry.version,
        topic=entry.type,
        state=orjson.dumps(entry.fields),
    )


CODEC = Codec(UPCASTERS)
"""The registry of this release."""
