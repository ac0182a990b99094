"""The store's cursor over psycopg's."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Self

import psycopg
from psycopg.types.numeric import Int8Dumper

from dateline.domain.recorded import LogEntry
from dateline.projections.store import POSTGRESQL, Row


@cache
def _translated(statement: str) -> bytes:
    """Return a statement with psycopg's marks for parameters."""
    return statement.replace("%", "%%").replace("?", "%s").encode()


class PostgresCursor:
    """A transaction's cursor: SQL with ``?``, rows as tuples.

    Attributes:
        psycopg: the cursor underneath.
        last_entry: the last one that the transaction has appended to the log.
    """

    dialect = POSTGRESQL

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self.psycopg = cursor
        self.last_entry: LogEntry | None = None

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Self:
        self.psycopg.execute(_translated(sql), parameters)
        return self

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Self:
        self.psycopg.executemany(_translated(sql), parameters)
        return self

    def fetchone(self) -> Row | None:
        return self.psycopg.fetchone()

    def fetchall(self) -> list[Row]:
        return self.psycopg.fetchall()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.psycopg)


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Send integers as 64 bits whatever their size, or one statement becomes many."""
    connection.adapters.register_dumper(int, Int8Dumper)
