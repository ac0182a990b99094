"""A ledger in one SQLite file: what is SQLite's own.

The log is the table of an ``eventsourcing`` application recorder, under table
definitions of our own: positions are declared, never reused, and an entry's envelope
stands in columns beside its JSON. WAL, ``synchronous=FULL``: what is acknowledged
survives a power cut. Writers take the lock before they read (``BEGIN IMMEDIATE``).
"""

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import cast

from eventsourcing.sqlite import SQLiteCursor

from dateline.domain import errors
from dateline.domain.recorded import LogEntry
from dateline.projections.codec import stored_event
from dateline.projections.sqlite import schema, wal
from dateline.projections.sqlite.connections import (
    Connection,
    Datastore,
    connect,
    insist,
)
from dateline.projections.sqlite.faults import translated
from dateline.projections.sqlite.files import (
    Stamp,
    check_folder,
    identity,
    is_new,
    is_writable,
    publish,
    stamp,
    uri,
)
from dateline.projections.sqlite.recorder import LogRecorder
from dateline.projections.store import Cursor, Progress, Row

MEMORY = ":memory:"

_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.01
_BACKUP_PAGES = 2_048


class SQLiteStore:
    """A ledger's file, or a ledger in memory that ends with the process.

    Args:
        target: the file's path, or ``:memory:``.
        lock_timeout: seconds to wait for another writer.
    """

    schema = "main"
    scratch_schema = "temp"

    def __init__(self, target: str, *, create: bool, lock_timeout: int) -> None:
        self.target = target
        self._lock_timeout = lock_timeout
        self._closed = False
        self._guard = threading.Lock()
        self._written = threading.Condition()
        self._users = 0
        self._read_only = False
        self._unchanging: Stamp | None = None
        if target == MEMORY:
            self._db_name = f"file:dateline-{uuid.uuid4()}?mode=memory&cache=shared"
        else:
            if is_new(target):
                if not create:
                    raise errors.LedgerNotFound(target)
                check_folder(target)
                self._db_name = uri(target)
            else:
                with translated(target):
                    wal.check(target, lock_timeout)
                if is_writable(target):
                    self._db_name = uri(target, "mode=rw")
                else:
                    self._read_only = True
                    self._db_name = self._read_only_uri()
            self._identity = identity(target)
        with translated(target):
            self._keep_alive = connect(self._db_name, lock_timeout)
            if not self._read_only:
                schema.bring_up(self._keep_alive)
            self._check_schema()
            self._connect()
            if target != MEMORY:
                self._keep_alive.close()
                self._identity = self._identity or identity(target)

    def _connect(self) -> None:
        self._datastore = Datastore(self._db_name, self._lock_timeout)
        self._datastore.pool.read_only = self._read_only
        self._recorder = LogRecorder(self._datastore)

    def _read_only_uri(self) -> str:
        """Name a file that we may only read.

        Without a -wal beside it nobody writes to it, and it can be read from a disk
        that is read-only: as unchanging, for as long as that is so.
        """
        self._unchanging = stamp(self.target)
        options = ["mode=ro"] + ["immutable=1"] * (self._unchanging is not None)
        return uri(self.target, *options)

    def _look_again(self) -> None:
        """Connect anew if a writer came to, or left, a file that we may only read.

        Without the -wal of a writer, only a file taken as unchanging can be read.
        """
        with self._guard:
            if self._unchanging == stamp(self.target) or self._users > 1:
                return
            self._datastore.close()
            self._db_name = self._read_only_uri()
            self._connect()

    def _check_schema(self) -> None:
        found = schema.version(self._keep_alive)
        newest = len(schema.MIGRATIONS)
        if found > newest:
            raise errors.NewerSchema(self.target, found, newest)
        if found < newest:
            raise errors.LedgerReadOnly(
                f"{self.target!r} is of an earlier release and cannot be brought up to "
                "date where it cannot be written; open it once where it can"
            )

    # --- transactions ---------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        with (
            self._used(),
            translated(self.target),
            self._connection(commit=False) as connection,
            closing(connection.transaction_cursor()) as cursor,
        ):
            cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        if self._read_only and not self._closed:
            raise errors.LedgerReadOnly(
                f"{self.target!r} cannot be written; check its permissions and disk"
            )
        with (
            self._used(),
            translated(self.target),
            self._connection(commit=True) as connection,
            closing(connection.transaction_cursor()) as cursor,
        ):
            self._take_lock(cursor)
            before = cursor.connection.total_changes
            try:
                yield cursor
                if cursor.connection.total_changes != before:
                    wal.count(cursor)
                self._check_file()
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            self._check_file()  # or it was committed to what nobody will find
        with self._written:
            self._written.notify_all()

    def _connection(self, *, commit: bool) -> AbstractContextManager[Connection]:
        connection = self._datastore.get_connection(commit=commit)
        return cast(AbstractContextManager[Connection], connection)

    def _take_lock(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction under the write lock.

        SQLite looks again after 100 ms, in which the last writer has written often:
        of four busy writers one waited for most of the timeout. Here each looks often.
        """
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            insist(cursor, "BEGIN IMMEDIATE", self._lock_timeout)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {self._lock_timeout * 1_000}")

    def append(self, cursor: Cursor, entries: Sequence[LogEntry]) -> None:
        self._recorder._insert_events(
            SQLiteCursor(cast(sqlite3.Cursor, cursor)),
            list(map(stored_event, entries)),
            entries=entries,
        )

    def last_position(self, cursor: Cursor) -> int:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'stored_events'")
        row: Row | None = cursor.fetchone()
        return 0 if row is None else cast(int, row[0])

    def check(self, cursor: Cursor) -> None:
        for (finding,) in cursor.execute("PRAGMA integrity_check(1)").fetchall():
            if finding != "ok":
                raise errors.LedgerDamaged(
                    f"{self.target!r} is damaged ({finding}); restore a backup"
                )

    # --- readers that follow, copies --------------------------------------------

    def wait(self, position: int, timeout: float) -> bool:
        """Poll until the head is beyond a position.

        A file says cheaply whether any other connection wrote to it
        (``PRAGMA data_version``); only then is the head read. Writers of this process
        end the pause.
        """
        deadline = time.monotonic() + timeout
        pause = _FIRST_POLL_SECONDS
        seen: Row | None = None
        with self._watching() as data_version:
            while True:
                version = data_version()
                if version is None or version != seen:
                    seen = version
                    with self.reading() as cursor:
                        if self.last_position(cursor) > position:
                            return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                with self._written:
                    self._written.wait(min(pause, left))
                pause = min(pause * 1.5, _LAST_POLL_SECONDS)

    @contextmanager
    def _watching(self) -> Iterator[Callable[[], Row | None]]:
        """Return what changes when another connection writes; nothing in memory."""
        if self.target == MEMORY:
            yield lambda: None
            return
        with (
            translated(self.target),
            closing(connect(self._db_name, self._lock_timeout)) as connection,
        ):
            yield lambda: cast(
                Row, connection.execute("PRAGMA data_version").fetchone()
            )

    def place(self) -> object:
        return self._db_name if self.target == MEMORY else self._identity

    def backup(self, target: str, progress: Progress) -> None:
        """Copy the whole file, as of one moment, while others read and write it.

        Raises:
            LedgerExists: something is at the target already.
        """
        if os.path.lexists(target):
            raise errors.LedgerExists(target)
        check_folder(target)
        partial = f"{target}.{uuid.uuid4().hex}.partial"
        try:
            with (
                self._used(),
                translated(target),
                closing(connect(self._db_name, self._lock_timeout)) as source,
                closing(connect(uri(partial), self._lock_timeout)) as copy,
            ):
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
                source.backup(
                    copy,
                    pages=_BACKUP_PAGES,
                    progress=lambda _, left, all: progress(all - left, all),
                )
                copy.execute("PRAGMA journal_mode = DELETE")
            publish(partial, target)
        finally:
            with suppress(OSError):  # it could not be made: that is what is raised
                Path(partial).unlink()

    def close(self) -> None:
        with self._guard:
            is_last = not self._closed and self._users == 0
            self._closed = True
        if is_last:
            self._dispose()

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Hold the connections open: closed under a running statement, SQLite crashes.

        A ledger that is closed meanwhile gives them back with its last user.
        """
        with self._guard:
            if self._closed:
                raise errors.LedgerClosed
            self._users += 1
        try:
            self._check_file()
            if self._read_only:
                self._look_again()
            yield
        finally:
            with self._guard:
                self._users -= 1
                is_last = self._closed and self._users == 0
            if is_last:
                self._dispose()

    def _check_file(self) -> None:
        """Refuse to go on with a file that has lost its name to another.

        What is written to it would be gone with the last who has it open.
        """
        if self.target != MEMORY and identity(self.target) != self._identity:
            raise errors.LedgerReplaced(self.target)

    def _dispose(self) -> None:
        self._datastore.close()
        self._keep_alive.close()
