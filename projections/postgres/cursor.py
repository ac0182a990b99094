"""The store's cursor over psycopg's."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any, Self

import psycopg
from psycopg import pq
from psycopg.types.numeric import Int8Dumper

from dateline.domain.recorded import LogEntry
from dateline.projections.store import POSTGRESQL, Row


@cache
def _translated(statement: str) -> bytes:
    """Return a statement with psycopg's marks for parameters."""
    return statement.replace("%", "%%").replace("?", "%s").encode()


class PostgresCursor:
    """A transaction's cursor: SQL with ``?``, rows as tuples.

    What is written with ``executemany`` is sent without waiting for its outcome, which
    comes with the next thing that is asked, or at the end (:meth:`settle`).

    Attributes:
        psycopg: the cursor underneath.
        last_entry: the last one that the transaction has appended to the log.
    """

    dialect = POSTGRESQL

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self.psycopg = cursor
        self.last_entry: LogEntry | None = None
        self._sent = ExitStack()

    def send(self) -> None:
        """Send what comes without waiting for its outcome, until :meth:`settle`."""
        connection = self.psycopg.connection
        if connection.info.pipeline_status == pq.PipelineStatus.OFF:
            self._sent.enter_context(connection.pipeline())

    def settle(self) -> None:
        """Wait for the outcome of what was sent.

        Raises:
            psycopg.Error: some of it could not be done.
        """
        self._sent.close()

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Self:
        self.settle()
        self.psycopg.execute(_translated(sql), parameters)
        return self

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Self:
        self.send()
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
