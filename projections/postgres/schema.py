"""The tables of a ledger's schema, and how older ones are brought up to date."""

import psycopg
from psycopg.sql import SQL, Identifier

from dateline.domain import errors
from dateline.projections import log, rows, said, upkeep
from dateline.projections.postgres.cursor import PostgresCursor
from dateline.projections.postgres.target import Target
from dateline.projections.store import POSTGRESQL, Row

_LOCKS = 0x646C6E65
"""The class of the advisory locks of dateline: ``dlne``."""

_CREATE_MARK = "CREATE TABLE dateline_schema (version BIGINT NOT NULL)"
_CREATE_LOG = """
CREATE TABLE stored_events (
    notification_id    BIGINT PRIMARY KEY,              -- the position
    originator_id      TEXT COLLATE "C" NOT NULL,       -- the stream
    originator_version BIGINT NOT NULL,
    topic              TEXT   NOT NULL,                 -- the event type
    state              BYTEA  NOT NULL,                 -- its fields, JSON
    event_id           TEXT COLLATE "C" NOT NULL,
    recorded_at        BIGINT NOT NULL,                 -- microseconds, UTC
    recorder           TEXT,
    schema_version     BIGINT NOT NULL,
    salts              BYTEA  NOT NULL,                 -- JSON, hex by field
    hash               TEXT   NOT NULL
)
"""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        _CREATE_MARK,
        "INSERT INTO dateline_schema VALUES (0)",
        _CREATE_LOG,
        *log.created("notification_id"),
        *rows.created_at_first(POSTGRESQL),
    ),
    tuple(said.created(POSTGRESQL)),
)
"""What brings a schema from each version to the next, beginning with nothing."""

_LOCK_NAME = "SELECT pg_advisory_xact_lock(%s::int, hashtext(%s))"
_SET_VERSION = "UPDATE dateline_schema SET version = %s"

# In the catalogue and not by a SELECT from the table: that would wait for a migration.
_FIND = """
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s),
           EXISTS (SELECT FROM pg_class JOIN pg_namespace ON relnamespace =
                   pg_namespace.oid WHERE nspname = %(schema)s),
           EXISTS (SELECT FROM pg_class JOIN pg_namespace ON relnamespace =
                   pg_namespace.oid WHERE nspname = %(schema)s
                   AND relname = 'dateline_schema')
"""


def bring_up(
    connection: psycopg.Connection[Row], target: Target, *, create: bool, write: bool
) -> None:
    """Create the tables of a new ledger, or bring older ones up to date.

    One process does it, under a lock; others that start meanwhile wait for it. Rows
    that older ones lack are folded in the same transaction.

    Raises:
        LedgerNotFound: nothing is there, and it is not to be created. NotALedger.
        NewerSchema. LedgerReadOnly: it is older, and ``write`` is false.
    """
    found = version(connection, target)
    if found == 0 and not create:
        raise errors.LedgerNotFound(target.printed)
    if found >= len(MIGRATIONS):
        if found > len(MIGRATIONS):
            raise errors.NewerSchema(target.printed, found, len(MIGRATIONS))
        return
    if not write:
        raise errors.LedgerReadOnly(
            f"{target.printed!r} is of an earlier release and cannot be brought up to "
            "date where it cannot be written; open it once where it can"
        )
    schema = Identifier(target.ledger)
    with connection.transaction():
        connection.execute(_LOCK_NAME, (_LOCKS, target.ledger))
        found = version(connection, target)
        if found == 0:
            connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
        elif found < len(MIGRATIONS):
            connection.execute(f"SELECT {write_lock(connection)}")
        for migration in MIGRATIONS[found:]:
            for statement in migration:
                connection.execute(statement.encode())
        cursor = PostgresCursor(connection.cursor(binary=True))
        upkeep.bring_up(cursor, found)
        cursor.settle()
        connection.execute(
            "UPDATE dateline_schema SET version = %s", (len(MIGRATIONS),)
        )


def version(connection: psycopg.Connection[Row], target: Target) -> int:
    """Return the version of a ledger's schema; 0 if nothing is there.

    Raises:
        NotALedger: the schema holds something else.
    """
    row = connection.execute(_FIND, {"schema": target.ledger}).fetchone()
    assert row is not None
    _, is_used, is_marked = row
    if not is_marked:
        if is_used:
            raise errors.NotALedger(target.printed)
        return 0
    mark = Identifier(target.ledger, "dateline_schema")
    found = connection.execute(SQL("SELECT version FROM {}").format(mark)).fetchone()
    return 0 if found is None else int(found[0])


def write_lock(connection: psycopg.Connection[Row]) -> str:
    """Return the expression that takes the write lock, held to the transaction's end.

    It goes by the log's object id: two ledgers never share one, and a ledger
    that is renamed keeps its own.
    """
    return f"pg_advisory_xact_lock({_LOCKS}, {_signed(_log_oid(connection))})"


def channel(connection: psycopg.Connection[Row]) -> str:
    """Return the name of the channel on which it is said that something came."""
    return f"dateline_{_log_oid(connection)}"


def _log_oid(connection: psycopg.Connection[Row]) -> int:
    row = connection.execute("SELECT 'stored_events'::regclass::oid::bigint").fetchone()
    assert row is not None
    return int(row[0])


def _signed(oid: int) -> int:
    """Return an object id (unsigned) as the 32-bit integer that locks take."""
    return oid - 2**32 if oid >= 2**31 else oid
