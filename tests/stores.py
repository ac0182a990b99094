"""Where tests keep ledgers: in files, and in schemas of a PostgreSQL server.

``DATELINE_TEST_POSTGRES`` names the server's database. Nothing there is touched but
schemas whose names begin with ``test-``, or ``bench-`` where benchmarks are tested.
"""

import os
import random
import string
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from dateline.projections.postgres.target import Target
from tests.services import require

SQLITE, POSTGRESQL = "sqlite", "postgresql"
STORES = (SQLITE, POSTGRESQL)
SERVER = os.environ.get(
    "DATELINE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test"
)

EVERYWHERE = os.environ.get("DATELINE_TEST_EVERYWHERE") == "true"
"""Whether tests that say little of the store run on both, too; that takes long."""

STORES_THAT_MATTER_LITTLE = STORES if EVERYWHERE else (SQLITE,)

on_sqlite_alone = pytest.mark.parametrize("store", [SQLITE], indirect=True)
"""Marks what would tell nothing more on the other store, or is about files."""

_LEFT_OVER_MINUTES = 60
_TRANSIENT_SECONDS = 10
_ALPHABET = string.ascii_lowercase + string.digits
_CATALOGS = ("pg_attribute", "pg_class", "pg_depend", "pg_index", "pg_type")
_TIDIED_AFTER = 100
"""Schemas of a process that are dropped until their traces are cleared away: a server
that does not do so by itself becomes slower and slower."""
_dropped = count(1)
_chosen = random.SystemRandom()  # the other one is Hypothesis's to seed


class Places:
    """Names places for new ledgers of one store, and clears them away in the end.

    Args:
        store: its kind.
        folder: for files.
    """

    def __init__(self, store: str, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._mark = _marked()
        if store == POSTGRESQL:
            require_server()

    def new(self, name: str = "war") -> str:
        """Return a place where nothing is; each name is good for one."""
        if self.store == SQLITE:
            return str(self.folder / f"{name}.dateline")
        return ledger_url(f"{self._mark}-{name}")

    def names(self) -> list[str]:
        """Return what lies in these places, drafts and companions of files too."""
        if self.store == SQLITE:
            found = [path.name for path in self.folder.iterdir()]
            return sorted(name for name in found if ".dateline" in name)
        with administering() as connection:
            return _named(connection, f"{self._mark}%")

    def close(self) -> None:
        """Clear away what is on a server; files are their folder's."""
        if self.store == POSTGRESQL:
            with administering() as connection:
                for name in _named(connection, f"{self._mark}%"):
                    drop(connection, name)


@contextmanager
def some_places(store: str) -> Iterator[Places]:
    """Give places that are good for as long as this is open."""
    with TemporaryDirectory() as folder, closing(Places(store, Path(folder))) as found:
        yield found


def ledger_url(name: str) -> str:
    """Return the target of a schema of the server."""
    return Target.parse(SERVER)._replace(ledger=name).url


def require_server() -> None:
    """Skip a test for want of the server; where ``CI`` is ``true``, fail it."""
    require("PostgreSQL, see DATELINE_TEST_POSTGRES", has_server())


@cache
def has_server() -> bool:
    """Tell whether the server answers; if so, clear away what killed runs left."""
    try:
        with administering() as connection:
            _tidy(connection)
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def administering() -> Iterator[psycopg.Connection]:
    """Open a connection to the server's database; it waits for no lock for long."""
    with closing(
        psycopg.connect(
            Target.parse(SERVER).conninfo, autocommit=True, connect_timeout=2
        )
    ) as connection:
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false)", [f"{_TRANSIENT_SECONDS}s"]
        )
        yield connection


def drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a schema; a session of a killed process may still be at it for a moment."""
    statement = SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name))
    connection.execute(statement)
    if next(_dropped) % _TIDIED_AFTER == 0:
        connection.execute(f"VACUUM (SKIP_LOCKED) {', '.join(_CATALOGS)}")


def _named(connection: psycopg.Connection, pattern: str) -> list[str]:
    found = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s ORDER BY nspname",
        [pattern],
    )
    return [str(name) for (name,) in found.fetchall()]


def _marked() -> str:
    """Return how names of one test begin: when it was, and letters by chance.

    So long that a draft's name begins with it, too.
    """
    chance = "".join(_chosen.choices(_ALPHABET, k=7))
    return f"test-{_minute():07x}-{chance}"


def _minute() -> int:
    return int(time.time()) // 60


def _tidy(connection: psycopg.Connection) -> None:
    oldest = f"test-{_minute() - _LEFT_OVER_MINUTES:07x}"
    for name in _named(connection, "test-%"):
        if name < oldest:
            with suppress(psycopg.Error):  # another worker is at it, too
                drop(connection, name)
