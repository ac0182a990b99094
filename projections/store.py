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
class WordIndex:
    """How a database finds texts by their words, which it is given separated by blanks.

    Nothing of its own reading of texts is used: no language, no stemming.

    Attributes:
        create: makes the table ``words``, by position, where it is not there yet.
        create_scratch: makes another, temporary one, and what :attr:`listed` reads.
        clear: takes everything from it.
        add: takes a position and the words there.
        found: selects each ``position`` whose words a question asks for.
        word, beginning: how a question asks for a word, and for the beginning of one.
        join: what is between the two.
        listed: selects what a ``{schema}`` has at each position, to be compared.
    """

    create: tuple[str, ...]
    create_scratch: tuple[str, ...]
    clear: str
    add: str
    found: str
    word: str
    beginning: str
    join: str
    listed: str

    def question(self, wanted: Sequence[str]) -> str:
        """Ask for every word; the last may be the beginning of one.

        Args:
            wanted: words of letters, digits, marks and ``_`` only.
        """
        *whole, last = wanted
        words = [self.word.format(word) for word in whole]
        return self.join.join([*words, self.beginning.format(last)])


@dataclass(frozen=True)
class Dialect:
    """How a database says what SQL has no common words for.

    Attributes:
        name_type: the type of a column of names, ordered by code point.
        position_type: the type of a table's key that is a position.
        least: the function that returns the least of its arguments.
        first_of_each: joins each row of the left to the first row of a query about it,
            which stands for ``{query}`` and reads the table ``{table}``.
        row_of: what that query selects.
        rows_of_each: joins each row of the left to the rows of a ``{table}`` that a
            ``{condition}`` about it finds by an index, and never to all of the table.
        contains: whether the bytes of ``{column}`` have those of a parameter in them.
        words: how texts are found by their words.
    """

    name_type: str
    position_type: str
    least: str
    first_of_each: str
    row_of: str
    rows_of_each: str
    contains: str
    words: WordIndex


# The tokenizer takes words as they come: it parts them at blanks, and folds nothing
# that is not folded. The texts are not kept in it, nor where in a text a word is.
_FTS = """fts5 (
    listed, content='', columnsize=0, detail=none, tokenize="ascii tokenchars '_'"
)"""

SQLITE = Dialect(
    name_type="TEXT",
    position_type="INTEGER",
    least="min",
    first_of_each="CROSS JOIN {table} WHERE {table}.rowid = ({query} LIMIT 1)",
    row_of="rowid",
    rows_of_each="CROSS JOIN {table} WHERE {condition}",
    contains="instr({column}, ?) > 0",
    words=WordIndex(
        create=(f"CREATE VIRTUAL TABLE IF NOT EXISTS words USING {_FTS}",),
        create_scratch=(
            f"CREATE VIRTUAL TABLE temp.words USING {_FTS}",
            *(
                f"""CREATE VIRTUAL TABLE temp.{schema}_words
                    USING fts5vocab ('{schema}', 'words', 'instance')"""
                for schema in ("main", "temp")
            ),
        ),
        clear="INSERT INTO words (words) VALUES ('delete-all')",
        add="INSERT INTO words (rowid, listed) VALUES (?,?)",
        found="SELECT rowid AS position FROM words WHERE words MATCH ?",
        word='"{}"',
        beginning='"{}"*',
        join=" ",
        listed="SELECT doc, term FROM temp.{schema}_words",
    ),
)
POSTGRESQL = Dialect(
    name_type='TEXT COLLATE "C"',
    position_type="BIGINT",
    least="least",
    first_of_each="CROSS JOIN LATERAL ({query} LIMIT 1) AS {table}",
    row_of="*",
    rows_of_each="""CROSS JOIN LATERAL (
      SELECT * FROM {table} WHERE {condition} OFFSET 0) AS {table}""",
    contains="position(? IN {column}) > 0",
    words=WordIndex(
        create=(
            """
            CREATE TABLE IF NOT EXISTS words (
                position BIGINT PRIMARY KEY,
                listed   TSVECTOR NOT NULL
            )
            """,
            "CREATE INDEX IF NOT EXISTS words_listed ON words USING gin (listed)",
        ),
        create_scratch=(
            "CREATE TEMP TABLE words (position BIGINT, listed TSVECTOR NOT NULL)",
        ),
        clear="DELETE FROM words",
        add="""
            INSERT INTO words
            VALUES (?, array_to_tsvector(string_to_array(CAST(? AS TEXT), ' ')))
        """,
        found="""
            SELECT position FROM words
            WHERE listed @@ CAST(CAST(? AS TEXT) AS TSQUERY)
        """,
        word="'{}'",
        beginning="'{}':*",
        join=" & ",
        listed="SELECT position, listed FROM {schema}.words",
    ),
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
