"""A ledger in one schema of a PostgreSQL database: what is PostgreSQL's own.

All writers of a ledger take one advisory lock before they read, and hold it until they
have committed: so positions rise in commit order, and who has read up to a position
never sees a lower one later. A notification follows each commit, outside of it, since
PostgreSQL lets only one transaction of a cluster at a time commit with one inside.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import cast

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import pq
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import ConnectionPool, PoolClosed

from dateline.domain import errors
from dateline.domain.recorded import LogEntry
from dateline.projections.postgres import schema, server
from dateline.projections.postgres.cursor import PostgresCursor, adapt
from dateline.projections.postgres.faults import is_unavailable, said, translated
from dateline.projections.postgres.listener import Listener
from dateline.projections.postgres.recorder import Datastore, LogRecorder
from dateline.projections.postgres.target import Target
from dateline.projections.store import Cursor, Row

_MOST_CONNECTIONS = 16
"""Of one process: two questions, four readers that catch up, a writer, and room."""
_CONNECT_SECONDS = 5
_FALLBACK_POLL_SECONDS = 1.0
_STANDBY_POLL_SECONDS = 0.02

_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ"
_WRITE = b"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT %s"
_ROLL_BACK = b"ROLLBACK"
_HEAD = b"SELECT max(notification_id) FROM stored_events"
_HASH = b"SELECT hash FROM stored_events WHERE notification_id = %s"
_PLACE = """
    SELECT pg_postmaster_start_time(), current_database(),
           'stored_events'::regclass::oid::bigint
"""
_HAS_AMCHECK = "SELECT FROM pg_extension WHERE extname = 'amcheck'"
_CHECK_INDEXES = """
    SELECT bt_index_check(indexrelid, true)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = %s::regnamespace
"""
_SESSION = """
    SET search_path TO {schema};
    SET lock_timeout TO {lock_timeout};
    SET statement_timeout TO 0;
    SET idle_in_transaction_session_timeout TO 0
"""


class PostgresStore:
    """A ledger's schema.

    Args:
        target: ``postgresql://[user[:password]@]host[:port]/database?ledger=NAME``.
        create: whether a schema that is not there is created.
        lock_timeout: seconds to wait for another writer.

    Raises:
        LedgerUnavailable: the server cannot be reached. UnsuitableServer.
        LedgerNotFound. NotALedger. NewerSchema.
    """

    scratch_schema = "pg_temp"

    def __init__(self, target: str, *, create: bool, lock_timeout: int) -> None:
        self._target = Target.parse(target)
        self.target = self._target.printed
        self.schema = f'"{self._target.ledger}"'
        self._lock_timeout = lock_timeout
        self._closed = False
        with translated(self.target), self._first_connection() as connection:
            server.check(connection, self.target)
            self._read_only = _is_standby(connection)
            schema.bring_up(
                connection, self._target, create=create, write=not self._read_only
            )
            lock = schema.write_lock(connection)
            self._begin_writing = _WRITE % lock.encode()
            channel = schema.channel(connection)
        self._notify = SQL("NOTIFY {}").format(Identifier(channel))
        self._listener = Listener(self._connect, channel, self.target)
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            self._target.conninfo,
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            timeout=_CONNECT_SECONDS,
            kwargs={"autocommit": True},
            configure=self._configure,
            open=True,
        )
        self._recorder = LogRecorder(Datastore(self._pool, self._target.ledger))

    def _connect(self) -> psycopg.Connection[Row]:
        """Open a connection of its own; in autocommit mode."""
        connection = psycopg.connect(
            self._target.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS
        )
        try:
            self._configure(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _first_connection(self) -> psycopg.Connection[Row]:
        try:
            return self._connect()
        except psycopg.ProgrammingError as error:  # libpq's, about the URL
            raise errors.InvalidTarget(said(error)) from None
        except psycopg.OperationalError as error:
            raise errors.LedgerUnavailable(
                self.target, said(error), "check the URL, the role and the server"
            ) from error

    def _configure(self, connection: psycopg.Connection[Row]) -> None:
        adapt(connection)
        connection.execute(
            SQL(_SESSION).format(
                schema=Identifier(self._target.ledger),
                lock_timeout=Literal(f"{self._lock_timeout}s"),
            )
        )

    # --- transactions ---------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        with translated(self.target), self._begun(_SNAPSHOT) as connection:
            try:
                with connection.cursor(binary=True) as cursor:
                    yield PostgresCursor(cursor)
            finally:
                with suppress(psycopg.OperationalError):
                    connection.execute(_ROLL_BACK)

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        if self._read_only:
            raise errors.LedgerReadOnly(
                f"{self.target!r} is a standby, which only answers; record on the "
                "primary"
            )
        with translated(self.target):
            with self._begun(self._begin_writing) as connection:
                cursor = PostgresCursor(connection.cursor(binary=True))
                try:
                    yield cursor
                    cursor.settle()
                except BaseException:
                    with suppress(psycopg.Error):
                        cursor.settle()
                    with suppress(psycopg.OperationalError):
                        connection.execute(_ROLL_BACK)
                    raise
                try:
                    _commit(connection)
                except psycopg.Error as error:
                    if not is_unavailable(error) or cursor.last_entry is None:
                        raise
                    self._settle(cursor.last_entry)
                else:
                    with suppress(psycopg.Error):  # a hint
                        connection.execute(self._notify)
        self._listener.hint()

    @contextmanager
    def _begun(self, begin: bytes) -> Iterator[psycopg.Connection[Row]]:
        """Give a connection on which a transaction was begun.

        One that broke while nobody used it (a server that was started anew breaks all
        of them) is put aside for the next.
        """
        deadline = time.monotonic() + _CONNECT_SECONDS
        while True:
            connection = self._taken(max(0.1, deadline - time.monotonic()))
            try:
                connection.execute(begin)
                break
            except BaseException as error:
                is_broken = connection.broken
                if not is_broken:
                    connection.execute(_ROLL_BACK)
                self._pool.putconn(connection)
                is_last = time.monotonic() >= deadline
                if is_last or not (is_broken and isinstance(error, psycopg.Error)):
                    raise
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def _taken(self, timeout: float) -> psycopg.Connection[Row]:
        if self._closed:
            raise errors.LedgerClosed
        try:
            return self._pool.getconn(timeout)
        except PoolClosed:
            raise errors.LedgerClosed from None

    def _settle(self, last: LogEntry) -> None:
        """Find out what became of a commit whose answer was lost.

        Under the write lock, since the server may still be at it.

        Raises:
            LedgerUnavailable: it was not committed; or it cannot be found out.
        """
        deadline = time.monotonic() + self._lock_timeout
        while True:
            try:
                with self._begun(self._begin_writing) as connection:
                    row = connection.execute(_HASH, (last.position,)).fetchone()
                    connection.execute(_ROLL_BACK)
                break
            except psycopg.Error as error:
                if not is_unavailable(error) or time.monotonic() >= deadline:
                    raise errors.LedgerUnavailable(
                        self.target,
                        "the connection broke in mid-commit",
                        "it is not known whether this was recorded: record it again "
                        "with the same ids or the same idempotency key",
                    ) from error
            time.sleep(_CONNECT_SECONDS / 50)
        if row is None or row[0] != last.hash:
            raise errors.LedgerUnavailable(
                self.target, "the connection broke, and nothing was recorded"
            )

    def append(self, cursor: Cursor, entries: Sequence[LogEntry]) -> None:
        assert isinstance(cursor, PostgresCursor)
        cursor.send()
        self._recorder._insert_stored_events(
            cast(psycopg.Cursor[DictRow], cursor.psycopg),
            [
                StoredEvent(
                    originator_id=entry.stream,
                    originator_version=entry.version,
                    topic=entry.type,
                    state=orjson.dumps(entry.fields),
                )
                for entry in entries
            ],
            entries=entries,
        )
        cursor.last_entry = entries[-1]

    def last_position(self, cursor: Cursor) -> int:
        assert isinstance(cursor, PostgresCursor)
        cursor.settle()
        return _position(cursor.psycopg.execute(_HEAD))

    def check(self, cursor: Cursor) -> None:
        assert isinstance(cursor, PostgresCursor)
        if cursor.psycopg.execute(_HAS_AMCHECK).fetchone() is None:
            return  # the log and the rows are read in full all the same
        try:
            cursor.psycopg.execute(_CHECK_INDEXES, (self._target.ledger,))
        except psycopg.errors.IndexCorrupted as error:
            said = error.diag.message_primary
            raise errors.LedgerDamaged(
                f"{self.target!r} is damaged ({said}); reindex it, or restore a backup"
            ) from None

    def place(self) -> object:
        with self.reading() as cursor:
            return cursor.execute(_PLACE).fetchone()

    # --- readers that follow ----------------------------------------------------

    def wait(self, position: int, timeout: float) -> bool:
        """Look at the head after each hint, and now and then without one.

        While the server is out of reach nothing has come.
        """
        deadline = time.monotonic() + timeout
        while True:
            hints = 0 if self._read_only else self._listener.hints()
            with suppress(errors.LedgerUnavailable):
                if self._head() > position:
                    return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._read_only:
                time.sleep(min(left, _STANDBY_POLL_SECONDS))
            else:
                self._listener.wait(hints, min(left, _FALLBACK_POLL_SECONDS))

    def _head(self) -> int:
        with translated(self.target):
            connection = self._taken(_CONNECT_SECONDS)
            try:
                return _position(connection.execute(_HEAD))
            finally:
                self._pool.putconn(connection)

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self._pool.close()


def _commit(connection: psycopg.Connection[Row]) -> None:
    """Commit; a transaction that failed before is an error, and not rolled back."""
    assert connection.info.transaction_status == pq.TransactionStatus.INTRANS
    connection.execute(b"COMMIT")


def _position(cursor: psycopg.Cursor[Row]) -> int:
    row = cursor.fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def _is_standby(connection: psycopg.Connection[Row]) -> bool:
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return row == (True,)


# --- drafts -----------------------------------------------------------------------


def is_taken(target: str) -> bool:
    """Tell whether there is a schema of a ledger's name, also an empty one."""
    with _administering(target) as (connection, named):
        found = connection.execute(
            "SELECT FROM pg_namespace WHERE nspname = %s", (named.ledger,)
        )
        return found.fetchone() is not None


def publish(draft: str, target: str) -> None:
    """Give a finished ledger its name; it must not be taken by now."""
    with _administering(target) as (connection, named):
        statement = SQL("ALTER SCHEMA {} RENAME TO {}").format(
            Identifier(Target.parse(draft).ledger), Identifier(named.ledger)
        )
        try:
            connection.execute(statement)
        except psycopg.errors.DuplicateSchema:
            raise errors.LedgerExists(named.printed) from None


def discard(target: str) -> None:
    """Take away a ledger that nobody will use, if it is there."""
    with _administering(target) as (connection, named):
        statement = SQL("DROP SCHEMA IF EXISTS {} CASCADE")
        connection.execute(statement.format(Identifier(named.ledger)))


@contextmanager
def _administering(
    target: str,
) -> Iterator[tuple[psycopg.Connection[Row], Target]]:
    named = Target.parse(target)
    with (
        translated(named.printed),
        closing(
            psycopg.connect(
                named.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS
            )
        ) as connection,
    ):
        yield connection, named
