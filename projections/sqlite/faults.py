"""SQLite's errors in the ledger's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from eventsourcing.persistence import PersistenceError

from dateline.domain import errors


@contextmanager
def translated(target: str) -> Iterator[None]:
    """Turn the database's errors into the ledger's."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, target) from error
    except UnicodeEncodeError as error:
        raise errors.InvalidQuestion(
            f"{error.object!r} is not valid Unicode", "name"
        ) from None
    except PersistenceError as error:
        cause = error.__cause__
        if isinstance(cause, sqlite3.Error):
            raise fault(cause, target) from error
        raise errors.LedgerFault(f"{target!r} could not be used: {error}") from error


def fault(error: sqlite3.Error, target: str) -> errors.DatelineError:
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
