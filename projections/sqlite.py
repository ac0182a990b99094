"""A ledger in one SQLite file: what is SQLite's own.

The log is the table of an ``eventsourcing`` application recorder, under table
definitions of our own: positions are declared, never reused, and an entry's envelope
stands in columns beside its JSON. WAL, ``synchronous=FULL``: what is acknowledged
survives a power cut. Writers take the lock before they read (``BEGIN IMMEDIATE``).
"""

import os
import random
import sqlite3
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import orjson
from eventsourcing.persistence import PersistenceError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from dateline.domain import errors
from dateline.domain.recorded import LogEntry
from dateline.projections import rows
from dateline.projections.store import Cursor, Progress, Row

APPLICATION_ID = 0x646C6E65
"""Marks a SQLite file as a ledger, in the header's bytes 68-71: ``dlne``."""

SCHEMA_VERSION = 1
"""The shape of the tables, in the header's ``user_version``."""

MEMORY = ":memory:"

_CACHE_KIB = 65_536
_MOST_CONNECTIONS = 64
_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.01
_BACKUP_PAGES = 2_048
_LOCK_POLL_SECONDS = 0.001, 0.005

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
_CREATE_STREAMS = (
    "CREATE UNIQUE INDEX stored_events_stream "
    "ON stored_events (originator_id, originator_version)"
)
_CREATE_IDS = "CREATE UNIQUE INDEX stored_events_id ON stored_events (event_id)"
_CREATE_VIEW = """
CREATE VIEW log AS
SELECT rowid AS position, event_id AS id, topic AS type, state AS fields,
       originator_id AS stream, originator_version AS version,
       recorded_at, recorder, schema_version, salts, hash
FROM stored_events
"""
_LOG = (_CREATE_LOG, _CREATE_STREAMS, _CREATE_IDS, _CREATE_VIEW)
_INSERT = "INSERT INTO stored_events VALUES (?,?,?,?,?,?,?,?,?,?,?)"


class LogRecorder(SQLiteApplicationRecorder):
    """The library's recorder over the log's own table definition."""

    def construct_create_table_statements(self) -> list[str]:
        return list(_LOG)

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


class _Pool(SQLiteConnectionPool):
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
        connection = _connect(self.db_name, self.lock_timeout or 0)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            if not self.is_sqlite_memory_mode and not self.read_only:
                # Of two that switch a new file at once SQLite refuses one, unwaited.
                _insist(
                    connection.cursor(), "PRAGMA journal_mode = WAL", self.lock_timeout
                )
                connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return SQLiteConnection(sqlite_conn=connection, max_age=self.max_age)


class _Datastore(SQLiteDatastore):
    pool: _Pool

    def __init__(self, db_name: str, lock_timeout: int) -> None:
        super().__init__(db_name, originator_id_type="text")
        self.pool.close()
        self.pool = _Pool(
            db_name=db_name, lock_timeout=lock_timeout, max_overflow=_MOST_CONNECTIONS
        )


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
        self._unchanging: _Stamp | None = None
        if target == MEMORY:
            self._db_name = f"file:dateline-{uuid.uuid4()}?mode=memory&cache=shared"
        else:
            if _is_new(target):
                if not create:
                    raise errors.LedgerNotFound(target)
                _check_folder(target)
                self._db_name = _uri(target)
            elif _is_writable(target):
                self._db_name = _uri(target, "mode=rw")
            else:
                self._read_only = True
                self._db_name = self._read_only_uri()
        with _translated(target):
            self._keep_alive = _connect(self._db_name, lock_timeout)
            if not self._read_only:
                _create_tables(self._keep_alive)
            self._check_schema()
            self._connect()
            if target != MEMORY:
                self._keep_alive.close()

    def _connect(self) -> None:
        self._datastore = _Datastore(self._db_name, self._lock_timeout)
        self._datastore.pool.read_only = self._read_only
        self._recorder = LogRecorder(self._datastore)

    def _read_only_uri(self) -> str:
        """Name a file that we may only read.

        Without a -wal beside it nobody writes to it, and it can be read from a disk
        that is read-only: as unchanging, for as long as that is so.
        """
        self._unchanging = _stamp(self.target)
        options = ["mode=ro"] + ["immutable=1"] * (self._unchanging is not None)
        return _uri(self.target, *options)

    def _look_again(self) -> None:
        """Connect anew if a writer came to, or left, a file that we may only read.

        Without the -wal of a writer, only a file taken as unchanging can be read.
        """
        with self._guard:
            if self._unchanging == _stamp(self.target) or self._users > 1:
                return
            self._datastore.close()
            self._db_name = self._read_only_uri()
            self._connect()

    def _check_schema(self) -> None:
        found = self._keep_alive.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise errors.NewerSchema(self.target, found, SCHEMA_VERSION)

    # --- transactions ---------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        with (
            self._used(),
            _translated(self.target),
            self._datastore.get_connection(commit=False) as connection,
        ):
            with connection.cursor() as cursor:
                cursor.row_factory = None
                cursor.execute("BEGIN")
                try:
                    yield cast(Cursor, cursor)
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
            _translated(self.target),
            self._datastore.get_connection(commit=True) as connection,
        ):
            with connection.cursor() as cursor:
                cursor.row_factory = None
                self._take_lock(cursor)
                try:
                    yield cast(Cursor, cursor)
                    connection.commit()
                except BaseException:
                    connection.rollback()
                    raise
        with self._written:
            self._written.notify_all()

    def _take_lock(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction under the write lock.

        SQLite looks again after 100 ms, in which the last writer has written often:
        of four busy writers one waited for most of the timeout. Here each looks often.
        """
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            _insist(cursor, "BEGIN IMMEDIATE", self._lock_timeout)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {self._lock_timeout * 1_000}")

    def append(self, cursor: Cursor, entries: Sequence[LogEntry]) -> None:
        self._recorder._insert_events(
            SQLiteCursor(cast(sqlite3.Cursor, cursor)),
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
            _translated(self.target),
            closing(_connect(self._db_name, self._lock_timeout)) as connection,
        ):
            yield lambda: cast(
                Row, connection.execute("PRAGMA data_version").fetchone()
            )

    def backup(self, target: str, progress: Progress) -> None:
        if os.path.lexists(target):
            raise errors.LedgerExists(target)
        _check_folder(target)
        partial = f"{target}.{uuid.uuid4().hex}.partial"
        try:
            with (
                self._used(),
                _translated(target),
                closing(_connect(self._db_name, self._lock_timeout)) as source,
                closing(_connect(_uri(partial), self._lock_timeout)) as copy,
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
            if self._read_only:
                self._look_again()
            yield
        finally:
            with self._guard:
                self._users -= 1
                is_last = self._closed and self._users == 0
            if is_last:
                self._dispose()

    def _dispose(self) -> None:
        self._datastore.close()
        self._keep_alive.close()


# --- files ------------------------------------------------------------------------


def _is_new(target: str) -> bool:
    """Tell whether nothing is at a path yet (an empty file counts as nothing).

    Raises:
        NotALedger: a folder, or a file of another kind. NewerSchema.
    """
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        raise errors.NotALedger(target) from None
    except (OSError, ValueError) as error:
        raise errors.LedgerFault(f"{target!r} could not be read: {error}") from None
    if not stat.S_ISREG(found.st_mode):
        raise errors.NotALedger(target)
    if found.st_size == 0:
        return True
    # Through SQLite, never through open(): closing a descriptor of our own would drop
    # every lock this process has on the file (sqlite.org/howtocorrupt.html, 2.2), and
    # another process would then take away the -wal that we write to. Immutable: no
    # lock, no -wal, no -shm, whatever the file is.
    try:
        with closing(_connect(_uri(target, "mode=ro", "immutable=1"), 0)) as connection:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            return False  # damaged, or just being made: the first real look will tell
        raise _fault(error, target) from None
    if mark != APPLICATION_ID:
        raise errors.NotALedger(target)
    if version > SCHEMA_VERSION:
        raise errors.NewerSchema(target, version, SCHEMA_VERSION)
    return False


def _check_folder(target: str) -> None:
    if not Path(target).absolute().parent.is_dir():
        raise errors.FolderNotFound(target)


def _is_writable(target: str) -> bool:
    path = Path(target).absolute()
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


_Stamp = tuple[int, int]


def _stamp(target: str) -> _Stamp | None:
    """Return what changes when a file does; nothing while somebody writes to it."""
    if Path(f"{target}-wal").exists():
        return None
    try:
        found = os.stat(target)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _uri(target: str, *options: str) -> str:
    return Path(target).absolute().as_uri() + (
        "?" + "&".join(options) if options else ""
    )


def _create_tables(connection: sqlite3.Connection) -> None:
    """Create log and rows in an empty database, and mark the file as a ledger.

    Before WAL is switched on, so that the mark is in the file itself at once.
    """
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        return  # made already: no lock, so that a long write keeps nobody out
    connection.execute("BEGIN IMMEDIATE")
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == (0,):
            for statement in (*_LOG, *rows.CREATE):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def publish(partial: str, target: str) -> None:
    """Give a finished file its name, durably; it must not be taken by now."""
    if Path(f"{partial}-wal").exists():
        raise errors.LedgerFault(f"{partial!r} could not be finished; make room")
    _make_durable(partial)
    try:
        os.link(partial, target)
    except FileExistsError:
        raise errors.LedgerExists(target) from None
    except OSError:  # a file system without hard links
        os.rename(partial, target)
    _make_durable(str(Path(target).absolute().parent))


def _make_durable(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(db_name: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(
        db_name,
        uri=True,
        timeout=timeout,
        check_same_thread=False,
        isolation_level=None,
        cached_statements=256,
    )


def _insist(cursor: sqlite3.Cursor, statement: str, timeout: float | None) -> None:
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


@contextmanager
def _translated(target: str) -> Iterator[None]:
    """Turn the database's errors into the ledger's."""
    try:
        yield
    except sqlite3.Error as error:
        raise _fault(error, target) from error
    except UnicodeEncodeError as error:
        raise errors.InvalidQuestion(
            f"{error.object!r} is not valid Unicode", "name"
        ) from None
    except PersistenceError as error:
        cause = error.__cause__
        if isinstance(cause, sqlite3.Error):
            raise _fault(cause, target) from error
        raise errors.LedgerFault(f"{target!r} could not be used: {error}") from error


def _fault(error: sqlite3.Error, target: str) -> errors.DatelineError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return errors.LedgerLocked(
                f"another process is writing to {target!r} and did not finish in "
                "time; try again"
            )
        case sqlite3.SQLITE_FULL:
            return errors.DiskFull(
                f"the disk of {target!r} is full; make room and try again"
            )
        case sqlite3.SQLITE_READONLY:
            return errors.LedgerReadOnly(
                f"{target!r} cannot be written; check its permissions and disk"
            )
        case sqlite3.SQLITE_NOTADB:
            return errors.NotALedger(target)
        case sqlite3.SQLITE_CORRUPT:
            return errors.LedgerDamaged(
                f"{target!r} is damaged ({error}); restore a backup"
            )
        case _:
            return errors.LedgerFault(f"{target!r} could not be used: {error}")
