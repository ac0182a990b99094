"""The tables of the as-of rows, and what events write to them.

At a point (D, R) a claim's state is the step with the greatest ``known_from`` ≤ D among
those with ``recorded_from`` ≤ R < ``recorded_until``; the other tables say by record
time which claims a topic has, in what words, and where to look. Rows are disposable:
dropping them and folding the log again gives the same ones.
"""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from dateline.domain.events import STANCES
from dateline.domain.histories import ClaimHistory, Described
from dateline.domain.recorded import LogEntry
from dateline.domain.standings import Stated
from dateline.domain.times import Instant
from dateline.projections import said
from dateline.projections.steps import ClaimRows
from dateline.projections.store import OPEN_END, Cursor, Dialect

EVERY_CLAIM = ""
"""Stands for a topic that every claim is filed under; no slug is empty."""

TABLES = (
    "steps",
    "reaches",
    "claims",
    "uncertain",
    "speakers",
    "contradictions",
    "promises",
    "moments",
    *said.TABLES,
)

_CREATE = (
    # Steps of claims' states. Read by (claim, known_from, recorded_from) descending.
    """
    CREATE TABLE IF NOT EXISTS steps (
        claim          {name}    NOT NULL,
        known_from     BIGINT  NOT NULL,
        recorded_from  BIGINT  NOT NULL,
        recorded_until BIGINT  NOT NULL,
        variant        INTEGER NOT NULL,
        status         TEXT    NOT NULL,
        since          BIGINT  NOT NULL,
        weights        TEXT    NOT NULL,
        answer         TEXT
    )
    """,
    """
    CREATE UNIQUE INDEX IF NOT EXISTS steps_key
    ON steps (claim, known_from, recorded_from, variant, recorded_until)
    """,
    # The greatest known_from of a claim's steps, by record time.
    """
    CREATE TABLE IF NOT EXISTS reaches (
        claim         {name}   NOT NULL,
        recorded_from BIGINT NOT NULL,
        known_from    BIGINT NOT NULL,
        PRIMARY KEY (claim, recorded_from)
    )
    """,
    # Which claims a topic has, in what words, by record time.
    """
    CREATE TABLE IF NOT EXISTS claims (
        topic          {name}   NOT NULL,
        claim          {name}   NOT NULL,
        recorded_from  BIGINT NOT NULL,
        recorded_until BIGINT NOT NULL,
        head           TEXT   NOT NULL,
        rivals         TEXT,
        PRIMARY KEY (topic, claim, recorded_from)
    )
    """,
    # Statements whose date is wider than an instant, by how wide (powers of two).
    """
    CREATE TABLE IF NOT EXISTS uncertain (
        topic          {name}    NOT NULL,
        width          INTEGER NOT NULL,
        earliest       BIGINT  NOT NULL,
        latest         BIGINT  NOT NULL,
        recorded_from  BIGINT  NOT NULL,
        recorded_until BIGINT  NOT NULL,
        claim          {name}    NOT NULL,
        statement      {name}    NOT NULL,
        PRIMARY KEY (topic, width, earliest, recorded_from)
    )
    """,
    # Which claims a source ever spoke of.
    """
    CREATE TABLE IF NOT EXISTS speakers (
        source {name} NOT NULL,
        claim  {name} NOT NULL,
        PRIMARY KEY (source, claim)
    )
    """,
    # Contradictions recorded on another claim's stream.
    """
    CREATE TABLE IF NOT EXISTS contradictions (
        claim    {name}   NOT NULL,
        position BIGINT NOT NULL,
        PRIMARY KEY (claim, position)
    )
    """,
    # Promised updates, by id.
    """
    CREATE TABLE IF NOT EXISTS promises (
        expectation {name}   NOT NULL,
        position    BIGINT NOT NULL,
        PRIMARY KEY (expectation)
    )
    """,
    # The last position of each moment of recording.
    """
    CREATE TABLE IF NOT EXISTS moments (
        recorded_at BIGINT NOT NULL,
        position    BIGINT NOT NULL,
        PRIMARY KEY (recorded_at)
    )
    """,
)


def created(dialect: Dialect) -> list[str]:
    """Return the statements that create the tables that are not there yet."""
    return [*created_at_first(dialect), *said.created(dialect)]


def created_at_first(dialect: Dialect) -> list[str]:
    """Return those of the tables that ledgers have had from the first release on."""
    return [statement.format(name=dialect.name_type) for statement in _CREATE]


def created_as_scratch(dialect: Dialect) -> list[str]:
    """Return the statements that create tables to compare with, temporary ones."""
    plain = [*created_at_first(dialect), *said.tables(dialect)]
    return [
        *(
            statement.replace("CREATE TABLE", "CREATE TEMP TABLE")
            for statement in plain
            if "CREATE TABLE" in statement
        ),
        *dialect.words.create_scratch,
    ]


class _Head(NamedTuple):
    """A claim's words and topics over a stretch of record time."""

    recorded_from: int
    recorded_until: int
    head: str
    rivals: str | None


# --- writing rows -------------------------------------------------------------------

_INSERT_STEP = "INSERT INTO steps VALUES (?,?,?,?,?,?,?,?,?)"
_CLOSE_STEP = """
    UPDATE steps SET recorded_until = ?
    WHERE claim = ? AND known_from = ? AND recorded_from = ? AND variant = ?
"""
_INSERT_REACH = "INSERT INTO reaches VALUES (?,?,?)"
_CLOSE_CLAIM = """
    UPDATE claims SET recorded_until = ?
    WHERE topic = ? AND claim = ? AND recorded_until = ?
"""
_INSERT_CLAIM = "INSERT INTO claims VALUES (?,?,?,?,?,?)"
_INSERT_UNCERTAIN = "INSERT INTO uncertain VALUES (?,?,?,?,?,?,?,?)"
_CLOSE_UNCERTAIN = """
    UPDATE uncertain SET recorded_until = ?
    WHERE topic = ? AND width = ? AND earliest = ? AND recorded_from = ?
"""
_INSERT_SPEAKER = "INSERT INTO speakers VALUES (?,?)"
_INSERT_CONTRADICTION = "INSERT INTO contradictions VALUES (?,?)"
_INSERT_PROMISE = "INSERT INTO promises VALUES (?,?)"


class RowWriter:
    """Collects what events change in the rows, and writes it at once."""

    def __init__(self) -> None:
        self._claims: dict[str, ClaimRows] = {}
        self._heads: dict[tuple[str, str], list[_Head]] = {}
        self._closed_heads: list[tuple[int, str, str, int]] = []
        self._uncertain: dict[tuple[str, int, Instant, int], list[object]] = {}
        self._closed_uncertain: list[tuple[int, str, int, Instant, int]] = []
        self._speakers: list[tuple[str, str]] = []
        self._contradictions: list[tuple[str, int]] = []
        self._promises: list[tuple[str, int]] = []
        self._said = said.SaidRows()

    def describe(self, entry: LogEntry, described: Described) -> None:
        """Take in an event of a source's, folded into it already."""
        if entry.type in ("SourceRegistered", "SourceCorrected"):
            self._said.name(entry, described)

    def apply(self, entry: LogEntry, *claims: ClaimRows) -> None:
        """Take in an event, and fold it into the claims that it belongs to."""
        if entry.type == "UpdateExpected":
            self._promises.append((entry.fields["expectation"], entry.position))
        for rows in claims:
            if entry.type in STANCES:
                rows.apply(entry)
                self._statement(entry, rows.history)
            elif entry.type == "RecordVoided":
                rows.apply(entry)
                self._void(entry, rows.history)
            else:
                before = rows.history.topics_at(recorded_by=entry.position)
                rows.apply(entry)
                if entry.type != "ClaimAssessed":
                    self._frame(entry, rows.history, before)
                if entry.type in ("ClaimFramed", "ClaimReworded"):
                    self._said.word(entry, rows.history)
            self._claims[rows.history.id] = rows

    def _statement(self, entry: LogEntry, history: ClaimHistory) -> None:
        stated = history.statements[entry.id]
        self._said.state(entry, history.id, stated)
        if len(history.contents[stated.source]) == 1:
            self._speakers.append((stated.source, history.id))
        for topic in (EVERY_CLAIM, *history.topics):
            self._doubt(topic, stated, history, OPEN_END)

    def _doubt(
        self, topic: str, stated: Stated, history: ClaimHistory, until: int
    ) -> None:
        if stated.earliest < stated.latest:
            key = (topic, width_of(stated), stated.earliest, stated.position)
            self._uncertain[key] = [stated.latest, until, history.id, stated.id]

    def _void(self, entry: LogEntry, history: ClaimHistory) -> None:
        stated = history.statements.get(entry.fields["event"])
        if stated is None or history.voids[stated.id].position != entry.position:
            return
        self._said.void(history.id, stated, entry.position)
        if stated.earliest < stated.latest:
            for topic in (EVERY_CLAIM, *history.topics):
                key = (topic, width_of(stated), stated.earliest, stated.position)
                if key in self._uncertain:
                    self._uncertain[key][1] = entry.position
                else:
                    self._closed_uncertain.append((entry.position, *key))

    def _frame(
        self, entry: LogEntry, history: ClaimHistory, before: Sequence[str]
    ) -> None:
        if entry.type in ("ClaimsLinked", "ClaimsUnlinked"):
            if entry.fields["relation"] != "contradicts":
                return
            if entry.fields["other"] == history.id:
                self._contradictions.append((history.id, entry.position))
        claim, position = history.id, entry.position
        after = history.topics_at(recorded_by=position)
        if entry.type != "ClaimFramed":
            for topic in (EVERY_CLAIM, *before):
                self._close_head(topic, claim, position)
        head = head_of(history, recorded_by=position)
        names = history.rivals(recorded_by=position)
        rivals = orjson.dumps(names).decode() if names else None
        for topic in (EVERY_CLAIM, *after):
            heads = self._heads.setdefault((topic, claim), [])
            heads.append(_Head(position, OPEN_END, head, rivals))
        filed = entry.fields.get("topic")
        if filed is not None and len(history.topics[filed]) == 1:
            for stated in history.statements.values():
                void = history.voids.get(stated.id)
                until = OPEN_END if void is None else void.position
                self._doubt(filed, stated, history, until)

    def _close_head(self, topic: str, claim: str, position: int) -> None:
        heads = self._heads.get((topic, claim))
        if heads:
            heads[-1] = heads[-1]._replace(recorded_until=position)
        else:
            self._closed_heads.append((position, topic, claim, OPEN_END))

    def write(self, cursor: Cursor) -> None:
        """Write what was collected; the writer is used up."""
        self._write_steps(cursor)
        _run(cursor, _CLOSE_CLAIM, self._closed_heads)
        _run(
            cursor,
            _INSERT_CLAIM,
            [(*key, *head) for key, heads in self._heads.items() for head in heads],
        )
        _run(
            cursor,
            _INSERT_UNCERTAIN,
            [
                (topic, width, earliest, latest, position, until, claim, statement)
                for (topic, width, earliest, position), (
                    latest,
                    until,
                    claim,
                    statement,
                ) in self._uncertain.items()
            ],
        )
        _run(cursor, _CLOSE_UNCERTAIN, self._closed_uncertain)
        _run(cursor, _INSERT_SPEAKER, self._speakers)
        _run(cursor, _INSERT_CONTRADICTION, self._contradictions)
        _run(cursor, _INSERT_PROMISE, self._promises)
        self._said.write(cursor)

    def _write_steps(self, cursor: Cursor) -> None:
        steps: list[tuple[object, ...]] = []
        closed: list[tuple[int, str, Instant, int, int]] = []
        reached: list[tuple[str, int, Instant]] = []
        for claim, rows in self._claims.items():
            ends = {
                (key, written.recorded_from): position
                for key, written, position in rows.closed
            }
            for key, (position, state) in rows.added:
                until = ends.pop((key, position), OPEN_END)
                instant, variant = key
                steps.append((claim, instant, position, until, variant, *state))
            for (key, position), until in ends.items():
                closed.append((until, claim, key[0], position, key[1]))
            reached += ((claim, *reach) for reach in rows.reached)
            rows.added.clear()
            rows.closed.clear()
            rows.reached.clear()
        _run(cursor, _INSERT_STEP, steps)
        _run(cursor, _CLOSE_STEP, closed)
        _run(cursor, _INSERT_REACH, reached)


def _run(cursor: Cursor, statement: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        cursor.executemany(statement, rows)


def width_of(stated: Stated) -> int:
    """Return w for a date whose instants span at least 2^(w-1), under 2^w us."""
    return (stated.latest - stated.earliest).bit_length()


def head_of(history: ClaimHistory, *, recorded_by: int) -> str:
    """Return the JSON of a claim's words and topics, without its braces."""
    return orjson.dumps(
        {
            "id": history.id,
            "text": history.text(recorded_by=recorded_by),
            "topics": history.topics_at(recorded_by=recorded_by),
            "about": history.about,
        }
    ).decode()[1:-1]
