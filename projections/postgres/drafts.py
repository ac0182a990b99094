"""New ledgers on their way to a name: schemas that are renamed when they are whole."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from dateline.domain import errors
from dateline.projections.postgres.faults import translated
from dateline.projections.postgres.sessions import WAIT_SECONDS, Session
from dateline.projections.postgres.target import Target


def is_taken(target: str) -> bool:
    """Tell whether there is a schema of a ledger's name, also an empty one."""
    with _administering(target) as (connection, named):
        found = connection.execute(
            "SELECT FROM pg_namespace WHERE nspname = %s", (named.ledger,)
        )
        return found.fetchone() is not None


def publish(draft: str, target: str) -> None:
    """Give a finished ledger its name; it must not be taken by now."""
    with _administering(target) as (connection, named):
        statement = SQL("ALTER SCHEMA {} RENAME TO {}").format(
            Identifier(Target.parse(draft).ledger), Identifier(named.ledger)
        )
        try:
            connection.execute(statement)
        except psycopg.errors.DuplicateSchema:
            raise errors.LedgerExists(named.printed) from None


def discard(target: str) -> None:
    """Take away a ledger that nobody will use, if it is there."""
    with _administering(target) as (connection, named):
        statement = SQL("DROP SCHEMA IF EXISTS {} CASCADE")
        connection.execute(statement.format(Identifier(named.ledger)))


@contextmanager
def _administering(
    target: str,
) -> Iterator[tuple[Session, Target]]:
    named = Target.parse(target)
    with (
        translated(named.printed),
        closing(
            psycopg.connect(
                named.conninfo, autocommit=True, connect_timeout=WAIT_SECONDS
            )
        ) as connection,
    ):
        yield connection, named
