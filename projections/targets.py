"""What targets name: which store, and how a new ledger comes to its name whole."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dateline.domain import errors
from dateline.projections.postgres.target import Target
from dateline.projections.sqlite import files
from dateline.projections.sqlite.store import MEMORY, SQLiteStore
from dateline.projections.store import Store

SERVERS = ("postgresql://", "postgres://")


def open_store(target: str, *, create: bool, lock_timeout: int) -> Store:
    """Open the store that a target names.

    Args:
        target: a SQLite file's path, ``:memory:``, or
            ``postgresql://host/database?ledger=NAME``.
        create: whether what is not there is created.
        lock_timeout: seconds to wait for another writer.

    Raises:
        UnsupportedStore: no store is called so. MissingExtra: PostgreSQL's packages
            are not installed.
    """
    if target.startswith(SERVERS):
        with _extra():
            from dateline.projections.postgres.store import PostgresStore
        return PostgresStore(target, create=create, lock_timeout=lock_timeout)
    if "://" in target:
        raise errors.UnsupportedStore(target)
    return SQLiteStore(target, create=create, lock_timeout=lock_timeout)


def name_of(target: str) -> str:
    """Return what a ledger is called by its place: the file's stem, or the schema."""
    if target.startswith(SERVERS):
        return Target.parse(target).ledger
    return Path(target).stem


def printed(target: str) -> str:
    """Return a target as it may be printed: without a password."""
    if target.startswith(SERVERS):
        return Target.parse(target).printed
    return target


def is_free(target: str) -> bool:
    """Tell whether a new ledger could get this name when it is whole."""
    if target.startswith(SERVERS):
        with _extra():
            from dateline.projections.postgres import drafts
        return not drafts.is_taken(target)
    return target != MEMORY and not os.path.lexists(target)


@contextmanager
def draft(target: str) -> Iterator[str]:
    """Give a place to make a new ledger at, which then gets its name, whole.

    It is never made under its name and taken away again: somebody else may have opened
    it and recorded meanwhile. Nothing is left of a draft that ends in an error.

    Raises:
        FolderNotFound. LedgerExists: the name was taken meanwhile.
    """
    mark = uuid.uuid4().hex
    if target.startswith(SERVERS):
        with _extra():
            from dateline.projections.postgres import drafts
        named = Target.parse(target)
        path = named._replace(ledger=f"{named.ledger[:20]}.{mark}.partial").url
        try:
            yield path
            drafts.publish(path, target)
        except BaseException:
            drafts.discard(path)
            raise
        return
    files.check_folder(target)
    path = f"{target}.{mark}.partial"
    try:
        yield path
        files.publish(path, target)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                Path(path + suffix).unlink()


@contextmanager
def _extra() -> Iterator[None]:
    """Import what an installation may lack, when it is asked for."""
    try:
        yield
    except ImportError:
        raise errors.MissingExtra("postgresql://", "postgres") from None
