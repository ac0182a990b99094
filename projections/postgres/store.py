"""A ledger in one schema of a PostgreSQL database: what is PostgreSQL's own.

All writers of a ledger take one advisory lock before they read, and hold it until they
have committed: so positions rise in commit order, and who has read up to a position
never sees a lower one later. A notification follows each commit, outside of it, since
PostgreSQL lets only one transaction of a cluster at a time commit with one inside.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import psycopg
from psycopg import errors as sqlstates
from psycopg import pq
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from dateline.domain import errors
from dateline.domain.recorded import LogEntry
from dateline.projections.codec import stored_event
from dateline.projections.postgres import schema, server
from dateline.projections.postgres.cursor import PostgresCursor
from dateline.projections.postgres.faults import said, translated
from dateline.projections.postgres.listener import Listener
from dateline.projections.postgres.recorder import Datastore, LogRecorder
from dateline.projections.postgres.sessions import Session, Sessions
from dateline.projections.postgres.target import Target
from dateline.projections.store import Cursor, Row

_FALLBACK_POLL_SECONDS = 1.0
_SETTLE_PAUSE_SECONDS = 0.1
_STANDBY_POLL_SECONDS = 0.02

_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ"
# The schema once more: a pooler that hands sessions on must not lead to another log.
_WRITE = b"""
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL search_path TO %s;
    SELECT %s
"""
_HEAD = b"SELECT max(notification_id) FROM stored_events"
_IS_THERE = b"""
    SELECT EXISTS (SELECT FROM stored_events WHERE notification_id = %s AND hash = %s),
           pg_is_in_recovery()
"""
_PLACE = """
    SELECT pg_postmaster_start_time(), current_database(),
           'stored_events'::regclass::oid::bigint
"""
_AMCHECK = b"""
    SELECT quote_ident(nspname) || '.bt_index_check'
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE proname = 'bt_index_check' AND pronargs = 2
      AND has_schema_privilege(pronamespace, 'USAGE')
      AND has_function_privilege(pg_proc.oid, 'EXECUTE')
"""
_CHECK_INDEXES = """
    SELECT {check}(indexrelid, true)
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_am ON pg_am.oid = relam AND amname = 'btree'
    WHERE relnamespace = quote_ident(current_schema)::regnamespace
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
        try:
            self._sessions = Sessions(self._target, lock_timeout)
        except psycopg.ProgrammingError as error:
            raise errors.InvalidTarget(said(error)) from None
        with translated(self.target), self._first_session() as session:
            server.check(session, self.target)
            self._read_only = _is_standby(session)
            schema.bring_up(
                session, self._target, create=create, write=not self._read_only
            )
            lock = schema.write_lock(session)
            self._begin_writing = _WRITE % (self.schema.encode(), lock.encode())
            channel = schema.channel(session)
        self._notify = SQL("NOTIFY {}").format(Identifier(channel))
        self._listener = Listener(self._sessions.open, channel, self.target)
        self._sessions.start()
        self._recorder = LogRecorder(
            Datastore(self._sessions.pool, self._target.ledger)
        )

    def _first_session(self) -> Session:
        try:
            return self._sessions.open()
        except psycopg.ProgrammingError as error:  # libpq's, about the URL
            raise errors.InvalidTarget(said(error)) from None
        except psycopg.OperationalError as error:
            raise errors.LedgerUnavailable(
                self.target, said(error), "check the URL, the role and the server"
            ) from error

    # --- transactions ---------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        with (
            translated(self.target),
            self._sessions.begun(_SNAPSHOT) as (session, _),
            session.cursor(binary=True) as cursor,
        ):
            yield PostgresCursor(cursor)

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        if self._read_only:
            raise errors.LedgerReadOnly(
                f"{self.target!r} is a standby, which only answers; record on the "
                "primary"
            )
        with translated(self.target):
            with self._sessions.begun(self._begin_writing) as (session, _):
                cursor = PostgresCursor(session.cursor(binary=True))
                try:
                    yield cursor
                    cursor.settle()
                except BaseException:
                    with suppress(psycopg.Error):
                        cursor.settle()
                    raise
                unanswered = _commit(session)
                if unanswered is None:
                    with suppress(psycopg.Error):  # a hint
                        session.execute(self._notify)
            if unanswered is not None:
                self._settle(cursor.last_entry, unanswered)
        self._listener.hint()

    def _settle(self, last: LogEntry | None, unanswered: psycopg.Error) -> None:
        """Find out what became of a commit whose answer was lost.

        Args:
            last: what it appended to the log last, if anything.

        Raises:
            LedgerUnavailable: it was not committed; or it cannot be found out.
        """
        reason = f"the connection broke in mid-commit ({said(unanswered)})"
        is_there = self._finds(last) if last is not None else False
        if is_there is None:
            raise errors.LedgerUnavailable(
                self.target,
                reason,
                "it is not known whether this was recorded: record it again with the "
                "same ids or the same idempotency key",
            )
        if not is_there:
            raise errors.LedgerUnavailable(
                self.target, reason, "nothing was recorded; try again"
            )

    def _finds(self, entry: LogEntry) -> bool | None:
        """Tell whether an entry is in the log for good; nothing if it cannot be told.

        Under the write lock, since the server may still be at its commit; and not on
        a standby, where it may only not have come yet.
        """
        deadline = time.monotonic() + self._lock_timeout
        while time.monotonic() < deadline:
            try:
                with self._sessions.begun(self._begin_writing) as (session, _):
                    found = session.execute(_IS_THERE, (entry.position, entry.hash))
                    row = found.fetchone()
            except psycopg.Error:
                pass
            except errors.LedgerClosed:
                break
            else:
                assert row is not None
                is_there, is_standby = row
                if not is_standby:
                    return bool(is_there)
            time.sleep(_SETTLE_PAUSE_SECONDS)
        return None

    def append(self, cursor: Cursor, entries: Sequence[LogEntry]) -> None:
        assert isinstance(cursor, PostgresCursor)
        cursor.send()
        self._recorder._insert_stored_events(
            cast(psycopg.Cursor[DictRow], cursor.psycopg),
            list(map(stored_event, entries)),
            entries=entries,
        )
        cursor.last_entry = entries[-1]

    def last_position(self, cursor: Cursor) -> int:
        assert isinstance(cursor, PostgresCursor)
        cursor.settle()
        return _position(cursor.psycopg.execute(_HEAD))

    def check(self, cursor: Cursor) -> None:
        assert isinstance(cursor, PostgresCursor)
        found = cursor.psycopg.execute(_AMCHECK).fetchone()
        if found is None:
            return  # the log and the rows are read in full all the same
        try:
            cursor.psycopg.execute(_CHECK_INDEXES.format(check=found[0]).encode())
        except (sqlstates.IndexCorrupted, sqlstates.DataCorrupted) as error:
            raise errors.LedgerDamaged(
                f"{self.target!r} is damaged ({said(error)}); reindex it, or restore a "
                "backup"
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
        with translated(self.target), self._sessions.begun(_HEAD) as (_, found):
            return _position(found)

    def close(self) -> None:
        self._listener.close()
        self._sessions.close()


def _commit(session: Session) -> psycopg.Error | None:
    """Commit; return what became of the session if it broke before the answer.

    Raises:
        psycopg.Error: the server answered that nothing was committed.
    """
    assert _status(session) == pq.TransactionStatus.INTRANS
    try:
        session.execute(b"COMMIT")
    except psycopg.Error as error:
        if _status(session) == pq.TransactionStatus.IDLE:
            raise
        return error
    return None


def _status(session: Session) -> pq.TransactionStatus:
    return session.info.transaction_status


def _position(cursor: psycopg.Cursor[Row]) -> int:
    row = cursor.fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def _is_standby(session: Session) -> bool:
    row = session.execute("SELECT pg_is_in_recovery()").fetchone()
    return row == (True,)
