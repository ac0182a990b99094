"""The tables of a ledger's file, and how older files are brought up to date."""

import sqlite3
from contextlib import closing

from dateline.projections import log, rows, said, upkeep
from dateline.projections.sqlite.connections import TransactionCursor
from dateline.projections.store import SQLITE

APPLICATION_ID = 0x646C6E65
"""Marks a SQLite file as a ledger, in the header's bytes 68-71: ``dlne``."""

_CREATE_LOG = """
CREATE TABLE stored_events (
    rowid              INTEGER PRIMARY KEY AUTOINCREMENT,  -- the position
    originator_id      TEXT    NOT NULL,                   -- the stream
    originator_version INTEGER NOT NULL,
    topic              TEXT    NOT NULL,                   -- the event type
    state              BLOB    NOT NULL,                   -- its fields, JSON
    event_id           TEXT    NOT NULL,
    recorded_at        INTEGER NOT NULL,                   -- microseconds, UTC
    recorder           TEXT,
    schema_version     INTEGER NOT NULL,
    salts              BLOB    NOT NULL,                   -- JSON, hex by field
    hash               TEXT    NOT NULL
)
"""
LOG = (_CREATE_LOG, *log.created("rowid"))


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*LOG, *rows.created_at_first(SQLITE)),
    tuple(said.created(SQLITE)),
)
"""What brings a file from each schema version to the next, beginning with nothing.

How many have been applied is in the header's ``user_version``."""


def bring_up(connection: sqlite3.Connection) -> None:
    """Create log and rows in an empty database, or bring older ones up to date.

    Before WAL is switched on, so that the mark is in the file itself at once. Rows that
    older ones lack are folded in the same transaction.
    """
    if version(connection) >= len(MIGRATIONS):
        return  # no lock, so that a long write keeps nobody out
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version(connection)
        for migration in MIGRATIONS[found:]:  # nobody was faster
            for statement in migration:
                connection.execute(statement)
        with closing(connection.cursor(TransactionCursor)) as cursor:
            upkeep.bring_up(cursor, found)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def version(connection: sqlite3.Connection) -> int:
    """Return the schema version of a file; 0 before its tables are created."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)
