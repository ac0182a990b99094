"""The narrow waist: what dateline needs of a database.

Everything above writes portable SQL with ``?`` for parameters and runs it through a
:class:`Cursor`. What differs between databases (files, locks, durability, waking
readers, copying a live ledger) is behind :class:`Store`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from dateline.domain.recorded import LogEntry

Row = tuple[Any, ...]
Progress = Callable[[int, int], None]
"""Told how much of how much is done."""

OPEN_END = 2**63 - 1
"""Record time without an end: later than every position."""


@dataclass(frozen=True)
class Dialect:
    """How a database says what SQL has no common words for.

    Attributes:
        name_type: the type of a column of names, ordered by code point.
        least: the function that returns the least of its arguments.
        first_of_each: joins each row of the left to the first row of a query about it,
            which stands for ``{query}`` and reads the table ``{table}``.
        row_of: what that query selects.
        rows_of_each: joins each row of the left to the rows of a ``{table}`` that a
            ``{condition}`` about it finds by an index, and never to all of the table.
    """

    name_type: str
    least: str
    first_of_each: str
    row_of: str
    rows_of_each: str


SQLITE = Dialect(
    name_type="TEXT",
    least="min",
    first_of_each="CROSS JOIN {table} WHERE {table}.rowid = ({query} LIMIT 1)",
    row_of="rowid",
    rows_of_each="CROSS JOIN {table} WHERE {condition}",
)
POSTGRESQL = Dialect(
    name_type='TEXT COLLATE "C"',
    least="least",
    first_of_each="CROSS JOIN LATERAL ({query} LIMIT 1) AS {table}",
    row_of="*",
    rows_of_each="""CROSS JOIN LATERAL (
      SELECT * FROM {table} WHERE {condition} OFFSET 0) AS {table}""",
)


class Cursor(Protocol):
    """A transaction's cursor: SQL with ``?``, rows as tuples."""

    @property
    def dialect(self) -> Dialect: ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> "Cursor": ...
    def executemany(
        self, sql: str, parameters: Iterable[Sequence[Any]], /
    ) -> "Cursor": ...
    def fetchone(self) -> Row | None: ...
    def fetchall(self) -> list[Row]: ...
    def __iter__(self) -> Iterator[Row]: ...


class Store(Protocol):
    """One ledger's database."""

    target: str
    schema: str
    """The name of the schema that the tables are in."""
    scratch_schema: str
    """The name of the schema of temporary tables, which hide others of their name."""

    def reading(self) -> AbstractContextManager[Cursor]:
        """Open a snapshot: everything read through it is of one moment."""
        ...

    def writing(self) -> AbstractContextManager[Cursor]:
        """Take the write lock; commit at the end, durably, or roll back on error.

        Raises:
            LedgerLocked: another process kept the lock. LedgerReadOnly. DiskFull.
        """
        ...

    def append(self, cursor: Cursor, entries: Sequence[LogEntry]) -> None:
        """Insert entries at their positions, through the event store's recorder."""
        ...

    def last_position(self, cursor: Cursor) -> int:
        """Return the highest position ever given, 0 before the first."""
        ...

    def check(self, cursor: Cursor) -> None:
        """Have the database check its own pages and indexes.

        Raises:
            LedgerDamaged: what it found.
        """
        ...

    def wait(self, position: int, timeout: float) -> bool:
        """Wait until the head is beyond a position; tell whether it is."""
        ...

    def place(self) -> object:
        """Return what tells this place from any other, however it was named."""
        ...

    def close(self) -> None:
        """Give back every connection."""
        ...
