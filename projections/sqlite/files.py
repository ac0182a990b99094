"""Files that ledgers are in: what is at a path, and giving a finished file its name."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from dateline.domain import errors
from dateline.projections.sqlite import schema
from dateline.projections.sqlite.connections import connect
from dateline.projections.sqlite.faults import fault


def is_new(target: str) -> bool:
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
        with closing(connect(uri(target, "mode=ro", "immutable=1"), 0)) as connection:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            return False  # damaged, or just being made: the first real look will tell
        raise fault(error, target) from None
    if mark != schema.APPLICATION_ID:
        raise errors.NotALedger(target)
    if version > len(schema.MIGRATIONS):
        raise errors.NewerSchema(target, version, len(schema.MIGRATIONS))
    return False


def identity(target: str) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other; nothing if it is gone."""
    try:
        found = os.stat(target)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_folder(target: str) -> None:
    if not Path(target).absolute().parent.is_dir():
        raise errors.FolderNotFound(target)


def is_writable(target: str) -> bool:
    path = Path(target).absolute()
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


Stamp = tuple[int, int]


def stamp(target: str) -> Stamp | None:
    """Return what changes when a file does; nothing while somebody writes to it."""
    if Path(f"{target}-wal").exists():
        return None
    try:
        found = os.stat(target)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def uri(target: str, *options: str) -> str:
    return Path(target).absolute().as_uri() + (
        "?" + "&".join(options) if options else ""
    )


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
