"""The log as a table of the event store's recorder, under a definition of our own."""

from collections.abc import Sequence
from typing import Any

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor

from dateline.domain.recorded import LogEntry
from dateline.projections.sqlite.schema import LOG

_INSERT = "INSERT INTO stored_events VALUES (?,?,?,?,?,?,?,?,?,?,?)"


class LogRecorder(SQLiteApplicationRecorder):
    """The library's recorder over the log's own table definition."""

    def construct_create_table_statements(self) -> list[str]:
        return list(LOG)

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int]:
        entries: Sequence[LogEntry] = kwargs["entries"]
        c.executemany(
            _INSERT,
            [
                (
                    entry.position,
                    stored.originator_id,
                    stored.originator_version,
                    stored.topic,
                    stored.state,
                    entry.id,
                    entry.recorded_at,
                    entry.recorder,
                    entry.schema_version,
                    orjson.dumps(entry.salts),
                    entry.hash,
                )
                for stored, entry in zip(stored_events, entries, strict=True)
            ],
        )
        return [entry.position for entry in entries]
