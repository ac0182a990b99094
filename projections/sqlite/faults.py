"""SQLite's errors in the ledger's words."""

import sqlite3
from contextlib import AbstractContextManager

from dateline.domain import errors
from dateline.projections import faults


def translated(target: str) -> AbstractContextManager[None]:
    """Turn the database's errors into the ledger's."""
    return faults.translated(target, sqlite3.Error, fault)


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
