"""Errors of a database, and of the event store over it, in the ledger's words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from eventsourcing.persistence import PersistenceError

from dateline.domain import errors

Fault = TypeVar("Fault", bound=Exception)


@contextmanager
def translated(
    target: str, kind: type[Fault], fault: Callable[[Fault, str], errors.DatelineError]
) -> Iterator[None]:
    """Turn a database's errors into the ledger's.

    Args:
        target: the ledger's, for the sentence.
        kind: the base of the database's errors.
        fault: says what one of them means for the ledger at a target.
    """
    try:
        yield
    except kind as error:
        raise fault(error, target) from error
    except UnicodeEncodeError as error:
        raise errors.InvalidQuestion(
            f"{error.object!r} is not valid Unicode", "name"
        ) from None
    except PersistenceError as error:
        cause = error.__cause__
        if isinstance(cause, kind):
            raise fault(cause, target) from error
        raise errors.LedgerFault(f"{target!r} could not be used: {error}") from error
