"""Rows of what was said: when each statement arrived, and every text that is searched.

A text stands once in ``texts``, by the position of the event that brought it, and its
words in ``words``, the one table that databases keep in their own way. Both are copies
of what is in the log.
"""

from collections.abc import Sequence

from dateline.domain.histories import ClaimHistory, Described
from dateline.domain.recorded import LogEntry
from dateline.domain.standings import Stated
from dateline.domain.times import FIRST
from dateline.projections.store import OPEN_END, Cursor, Dialect
from dateline.projections.words import words_of

CLAIM, SOURCE, QUOTE = 0, 1, 2
"""What a text is: a claim's wording, a source's name, what a statement quotes."""

TABLES = ("arrivals", "texts")

_CREATE = (
    # Statements by claim: their public time, and their record time to their void.
    """
    CREATE TABLE IF NOT EXISTS arrivals (
        claim          {name}  NOT NULL,
        recorded_from  BIGINT  NOT NULL,
        recorded_until BIGINT  NOT NULL,
        recorded_at    BIGINT  NOT NULL,
        known_from     BIGINT  NOT NULL,
        statement      {name}  NOT NULL,
        source         {name}  NOT NULL,
        stance         TEXT    NOT NULL,
        PRIMARY KEY (claim, recorded_from)
    )
    """,
    # Texts by position. Ids that a kind of text has not are empty.
    """
    CREATE TABLE IF NOT EXISTS texts (
        recorded_from  {position} PRIMARY KEY,
        recorded_until BIGINT  NOT NULL,
        kind           INTEGER NOT NULL,
        known_from     BIGINT  NOT NULL,
        claim          {name}  NOT NULL,
        source         {name}  NOT NULL,
        statement      {name}  NOT NULL,
        text           TEXT    NOT NULL
    )
    """,
)


def created(dialect: Dialect) -> list[str]:
    """Return the statements that create the tables that are not there yet."""
    return [*tables(dialect), *dialect.words.create]


def tables(dialect: Dialect) -> list[str]:
    """Return those of the tables that are the same on every database."""
    return [
        statement.format(name=dialect.name_type, position=dialect.position_type)
        for statement in _CREATE
    ]


_INSERT_ARRIVAL = "INSERT INTO arrivals VALUES (?,?,?,?,?,?,?,?)"
_CLOSE_ARRIVAL = """
    UPDATE arrivals SET recorded_until = ? WHERE claim = ? AND recorded_from = ?
"""
_INSERT_TEXT = "INSERT INTO texts VALUES (?,?,?,?,?,?,?,?)"
_CLOSE_TEXT = "UPDATE texts SET recorded_until = ? WHERE recorded_from = ?"


class SaidRows:
    """Collects what events add to these tables and close in them."""

    def __init__(self) -> None:
        self._arrivals: dict[int, list[object]] = {}
        self._closed_arrivals: list[tuple[int, str, int]] = []
        self._texts: dict[int, list[object]] = {}
        self._closed_texts: list[tuple[int, int]] = []
        self._words: list[tuple[int, str]] = []

    def word(self, entry: LogEntry, history: ClaimHistory) -> None:
        """Take in a claim's wording, which closes the one before."""
        if len(history.wordings) > 1:
            self._close_text(history.wordings[-2].position, entry.position)
        text = entry.fields["text"]
        self._add_text(entry.position, CLAIM, FIRST, history.id, "", "", text)

    def name(self, entry: LogEntry, described: Described) -> None:
        """Take in a source's name, if the event brings one."""
        name, source = entry.fields.get("name"), entry.fields["source"]
        if name is None:
            return
        names = described.set_by["name"]
        if len(names) > 1:
            self._close_text(names[-2].position, entry.position)
        self._add_text(entry.position, SOURCE, FIRST, "", source, "", name)

    def state(self, entry: LogEntry, claim: str, stated: Stated) -> None:
        """Take in a statement, and what it quotes."""
        self._arrivals[entry.position] = [
            *(claim, entry.position, OPEN_END, entry.recorded_at, stated.latest),
            *(stated.id, stated.source, stated.stance.value),
        ]
        quote = entry.fields.get("quote")
        if quote is not None:
            ids = claim, stated.source, stated.id
            self._add_text(entry.position, QUOTE, stated.latest, *ids, quote)

    def void(self, claim: str, stated: Stated, position: int) -> None:
        """Close what a statement added."""
        arrival = self._arrivals.get(stated.position)
        if arrival is not None:
            arrival[2] = position
        else:
            self._closed_arrivals.append((position, claim, stated.position))
        self._close_text(stated.position, position)

    def _add_text(
        self,
        position: int,
        kind: int,
        known_from: int,
        claim: str,
        source: str,
        statement: str,
        text: str,
    ) -> None:
        ids = claim, source, statement
        self._texts[position] = [position, OPEN_END, kind, known_from, *ids, text]
        found = words_of(text)
        if kind == SOURCE:
            found += words_of(source)
        self._words.append((position, " ".join(found)))

    def _close_text(self, added: int, position: int) -> None:
        text = self._texts.get(added)
        if text is not None:
            text[1] = position
        else:
            self._closed_texts.append((position, added))

    def write(self, cursor: Cursor) -> None:
        """Write what was collected; this is used up."""
        statements: Sequence[tuple[str, Sequence[Sequence[object]]]] = (
            (_INSERT_ARRIVAL, list(self._arrivals.values())),
            (_CLOSE_ARRIVAL, self._closed_arrivals),
            (_INSERT_TEXT, list(self._texts.values())),
            (_CLOSE_TEXT, self._closed_texts),
            (cursor.dialect.words.add, self._words),
        )
        for statement, rows in statements:
            if rows:
                cursor.executemany(statement, rows)
