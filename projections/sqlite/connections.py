"""Connections to a ledger's file, and the pool of them that the event store uses."""

import random
import sqlite3
import threading
import time
from typing import Any

from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from dateline.projections.store import SQLITE

_CACHE_KIB = 65_536
_MOST_CONNECTIONS = 64
_LOCK_POLL_SECONDS = 0.001, 0.005


def connect(db_name: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(
        db_name,
        uri=True,
        timeout=timeout,
        check_same_thread=False,
        isolation_level=None,
        cached_statements=256,
    )


def insist(cursor: sqlite3.Cursor, statement: str, timeout: float | None) -> None:
    """Run a statement, again and again while another process is in its way."""
    deadline = time.monotonic() + (timeout or 0)
    while True:
        try:
            cursor.execute(statement)
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() >= deadline:
                raise
        time.sleep(random.uniform(*_LOCK_POLL_SECONDS))


class TransactionCursor(sqlite3.Cursor):
    """A cursor as the rest of the program sees it."""

    dialect = SQLITE


class Connection(SQLiteConnection):
    """A connection whose cursors give plain tuples."""

    def transaction_cursor(self) -> TransactionCursor:
        cursor = self._sqlite_conn.cursor(TransactionCursor)
        cursor.row_factory = None
        return cursor


class Pool(SQLiteConnectionPool):
    """Connections that keep their prepared statements and a page cache."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = threading.local()

    read_only = False

    def get_connection(
        self, timeout: float | None = None, *, is_writer: bool | None = None
    ) -> SQLiteConnection:
        self._turn.is_writer = is_writer
        return super().get_connection(timeout, is_writer=is_writer)

    def _get_connection(self, timeout: float = 0.0) -> SQLiteConnection:
        """Get a connection for a caller whose turn it is to read or to write.

        If none can be made (too many open files, say), the library keeps the turn,
        and nobody could write any more.
        """
        try:
            return super()._get_connection(timeout)
        except BaseException:
            is_writer, self._turn.is_writer = self._turn.is_writer, None
            if is_writer is True:
                self._num_writers -= 1
                self._writer_lock.release()
            elif is_writer is False:
                with self._no_readers:
                    self._num_readers -= 1
                    if self._num_readers == 0:
                        self._no_readers.notify()
            raise

    def _create_connection(self) -> SQLiteConnection:
        connection = connect(self.db_name, self.lock_timeout or 0)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            if not self.is_sqlite_memory_mode and not self.read_only:
                # Of two that switch a new file at once SQLite refuses one, unwaited.
                insist(
                    connection.cursor(), "PRAGMA journal_mode = WAL", self.lock_timeout
                )
                connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return Connection(sqlite_conn=connection, max_age=self.max_age)


class Datastore(SQLiteDatastore):
    pool: Pool

    def __init__(self, db_name: str, lock_timeout: int) -> None:
        super().__init__(db_name, originator_id_type="text")
        self.pool.close()
        self.pool = Pool(
            db_name=db_name, lock_timeout=lock_timeout, max_overflow=_MOST_CONNECTIONS
        )
