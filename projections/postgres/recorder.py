"""The log as a table of the event store's recorder, under a definition of our own."""

from collections.abc import Sequence
from typing import Any

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from dateline.domain.recorded import LogEntry

_INSERT = """
    INSERT INTO stored_events
    SELECT * FROM unnest(
        %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bytea[], %s::text[],
        %s::bigint[], %s::text[], %s::bigint[], %s::bytea[], %s::text[])
"""


class Datastore(PostgresDatastore):
    """The library's datastore over a pool of ours.

    Its own takes no libpq URL, and its functions in the database take no lock, so that
    readers that follow lose events (ENABLE_DB_FUNCTIONS).
    """

    def __init__(self, pool: ConnectionPool[Any], schema: str) -> None:
        # Of psycopg's own class, where the library has one that fetches passwords.
        self.pool = pool  # type: ignore[assignment]
        self.schema = schema
        self.lock_timeout = 0
        self.originator_id_type = "text"
        self.enable_db_functions = False
        self.db_type_names = set()
        self.psycopg_type_adapters = {}
        self.psycopg_python_types = {}

    def register_type_adapters(self) -> None:
        """There are no types of the library's in the schema."""

    def __del__(self) -> None:
        """The pool is the store's to close."""


class LogRecorder(PostgresApplicationRecorder):
    """The library's recorder over the log's own table definition."""

    def _insert_stored_events(
        self,
        curs: psycopg.Cursor[DictRow],
        stored_events: Sequence[StoredEvent],
        **kwargs: Any,
    ) -> None:
        """Insert entries at their positions, under the lock that gave them."""
        entries: Sequence[LogEntry] = kwargs["entries"]
        curs.execute(
            _INSERT,
            (
                [entry.position for entry in entries],
                [stored.originator_id for stored in stored_events],
                [stored.originator_version for stored in stored_events],
                [stored.topic for stored in stored_events],
                [stored.state for stored in stored_events],
                [entry.id for entry in entries],
                [entry.recorded_at for entry in entries],
                [entry.recorder for entry in entries],
                [entry.schema_version for entry in entries],
                [orjson.dumps(entry.salts) for entry in entries],
                [entry.hash for entry in entries],
            ),
        )
