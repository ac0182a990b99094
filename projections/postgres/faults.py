"""PostgreSQL's errors in the ledger's words."""

from contextlib import AbstractContextManager

import psycopg
from psycopg import errors as sqlstates
from psycopg_pool import PoolTimeout, TooManyRequests

from dateline.domain import errors
from dateline.projections import faults

_UNAVAILABLE = (
    sqlstates.AdminShutdown,
    sqlstates.CrashShutdown,
    sqlstates.CannotConnectNow,
    sqlstates.DatabaseDropped,
    sqlstates.IdleInTransactionSessionTimeout,
    sqlstates.IdleSessionTimeout,
    sqlstates.TransactionTimeout,
    sqlstates.QueryCanceled,  # by an operator
    sqlstates.TooManyConnections,
    sqlstates.SerializationFailure,  # a standby cancels what is in its replay's way
)


def translated(target: str) -> AbstractContextManager[None]:
    """Turn the database's errors into the ledger's."""
    return faults.translated(target, psycopg.Error, fault)


def fault(error: psycopg.Error, target: str) -> errors.DatelineError:
    """Return what an error of the database means for the ledger at a target."""
    words = said(error)
    match error:
        case PoolTimeout() | TooManyRequests():
            return errors.LedgerUnavailable(target, "no connection was free in time")
        case sqlstates.LockNotAvailable() | sqlstates.DeadlockDetected():
            return errors.LedgerLocked(
                f"another process is writing to {target!r} and did not finish in "
                "time; try again"
            )
        case sqlstates.DiskFull():
            return errors.DiskFull(
                f"the disk of {target!r} is full; make room and try again"
            )
        case sqlstates.ReadOnlySqlTransaction() | sqlstates.InsufficientPrivilege():
            return errors.LedgerReadOnly(
                f"{target!r} cannot be written ({words}); check the role and the server"
            )
        case sqlstates.InvalidCatalogName():
            return errors.LedgerNotFound(target)
        case sqlstates.DataCorrupted() | sqlstates.IndexCorrupted():
            return errors.LedgerDamaged(
                f"{target!r} is damaged ({words}); restore a backup"
            )
        case psycopg.DataError():
            return errors.InvalidQuestion(f"PostgreSQL cannot take it: {words}", "name")
        case _ if is_unavailable(error):
            return errors.LedgerUnavailable(target, words)
        case _:
            return errors.LedgerFault(f"{target!r} could not be used: {words}")


def is_unavailable(error: psycopg.Error) -> bool:
    """Tell whether the server is out of reach, for now, or gave the session up."""
    if isinstance(error, _UNAVAILABLE):
        return True
    is_of_connection = error.sqlstate is None or error.sqlstate.startswith("08")
    return isinstance(error, psycopg.OperationalError) and is_of_connection


def said(error: psycopg.Error) -> str:
    """Return the server's words in one line."""
    return " ".join((error.diag.message_primary or str(error)).split())
