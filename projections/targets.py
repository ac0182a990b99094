"""What targets name: which store, and how a new ledger comes to its name whole."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from dateline.domain import errors
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
        store: Store = _postgres().PostgresStore(
            target, create=create, lock_timeout=lock_timeout
        )
        return store
    if "://" in target:
        raise errors.UnsupportedStore(target)
    return SQLiteStore(target, create=create, lock_timeout=lock_timeout)


def name_of(target: str) -> str:
    """Return what a ledger is called by its place: the file's stem, or the schema."""
    if target.startswith(SERVERS):
        name: str = _postgres().Target.parse(target).ledger
        return name
    return Path(target).stem


def printed(target: str) -> str:
    """Return a target as it may be printed: without a password."""
    if target.startswith(SERVERS):
        text: str = _postgres().Target.parse(target).printed
        return text
    return target


def is_free(target: str) -> bool:
    """Tell whether a new ledger could get this name when it is whole."""
    if target.startswith(SERVERS):
        return not _postgres().is_taken(target)
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
        postgres = _postgres()
        named = postgres.Target.parse(target)
        path = named._replace(ledger=f"{named.ledger[:20]}.{mark}.partial").url
        try:
            yield path
            postgres.publish(path, target)
        except BaseException:
            postgres.discard(path)
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


def _postgres() -> ModuleType:
    """Import the other store, which an installation may lack, when it is asked for."""
    try:
        from dateline.projections.postgres import store
    except ImportError:
        raise errors.MissingExtra("postgresql://", "postgres") from None
    return store
