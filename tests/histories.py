"""A ledger that loses what was recorded last, and grows again in another way."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from dateline import Ledger
from dateline.projections.postgres.target import Target
from dateline.projections.rows import TABLES
from dateline.projections.targets import SERVERS
from tests.builders import asserted, framed, opened, registered

SHARED = 6
"""Events that every history has, if there were none but the first before."""

LOST = 10
"""Events of the history that is lost."""


class History:
    """A ledger with a backup, and what was recorded after it.

    There are two topics, two sources and a claim; then come four statements, which
    are lost with :meth:`lose`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.backup = named_like(ledger.target, "older")
        ledger.record(opened("a"), opened("b"))
        ledger.record(registered("seoul"), registered("moscow"), framed())
        ledger.backup(self.backup)
        self.grow("lost", LOST - SHARED)

    def grow(self, word: str, count: int) -> None:
        """Record so many statements."""
        self.ledger.record(*(asserted(id=f"{word}-{n}") for n in range(count)))

    def lose(self) -> None:
        """Take the backup for the ledger, under all who have it open.

        As after a failover to a standby that had not everything: there is no other
        place, and no connection breaks.
        """
        overwrite(self.ledger.target, self.backup)

    def regrow(self) -> None:
        """Lose the ledger's last events, and grow past where it was with others."""
        self.lose()
        self.grow("other", LOST - SHARED + 2)


Loss = Callable[[History], None]
"""A way to lose a history: :meth:`History.lose`, or :meth:`History.regrow`."""


def overwrite(target: str, by: str) -> None:
    """Give a ledger all that another one has, and nothing else, in one transaction."""
    if target.startswith(SERVERS):
        _refill(Target.parse(target), Target.parse(by).ledger)
        return
    with (
        closing(sqlite3.connect(by)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def named_like(target: str, word: str) -> str:
    """Return a place beside a ledger's."""
    if target.startswith(SERVERS):
        named = Target.parse(target)
        return named._replace(ledger=f"{named.ledger}-{word}").url
    return str(Path(target).with_name(f"{word}.dateline"))


def _refill(target: Target, by: str) -> None:
    with psycopg.connect(target.conninfo) as connection:
        for table in ("stored_events", *TABLES, "words"):
            into = Identifier(target.ledger, table)
            connection.execute(SQL("DELETE FROM {}").format(into))
            connection.execute(
                SQL("INSERT INTO {} SELECT * FROM {}").format(
                    into, Identifier(by, table)
                )
            )
