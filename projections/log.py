"""Reading the log: entries by id, by stream, by position.

The SQL is portable; every database presents its log as the view ``log``.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from dateline.domain.errors import LedgerDamaged
from dateline.domain.recorded import FIRST_HASH, LogEntry, Mark
from dateline.domain.times import Instant
from dateline.projections.codec import CODEC
from dateline.projections.store import OPEN_END, Cursor, Row

_CREATE = (
    """
    CREATE UNIQUE INDEX stored_events_stream
    ON stored_events (originator_id, originator_version)
    """,
    "CREATE UNIQUE INDEX stored_events_id ON stored_events (event_id)",
    """
    CREATE VIEW log AS
    SELECT {position} AS position, event_id AS id, topic AS type, state AS fields,
           originator_id AS stream, originator_version AS version,
           recorded_at, recorder, schema_version, salts, hash
    FROM stored_events
    """,
)
_SELECT = """
    SELECT position, id, type, fields, stream, version,
           recorded_at, recorder, schema_version, salts, hash
    FROM log
"""
PAGE = 1_000
"""Entries that are read at once."""


def created(position: str) -> tuple[str, ...]:
    """Return what is created over the event store's table: its indexes and the view.

    Args:
        position: the column that the event store keeps positions in.
    """
    return tuple(statement.format(position=position) for statement in _CREATE)


def _entry(row: Row) -> LogEntry:
    position, id, type, fields, stream, version, at, recorder, schema, salts, hash = row
    try:
        return LogEntry(
            position,
            id,
            type,
            _object(fields),
            stream,
            version,
            _integer(at),
            recorder,
            schema,
            _object(salts),
            hash,
        )
    except (ValueError, TypeError):
        raise LedgerDamaged(
            f"what is stored at position {position} cannot be read; restore a backup"
        ) from None


def _object(stored: bytes) -> dict[str, Any]:
    value = orjson.loads(stored)
    if not isinstance(value, dict):
        raise TypeError
    return value


def _integer(stored: object) -> int:
    if not isinstance(stored, int):
        raise TypeError
    return stored


def by_id(cursor: Cursor, id: str) -> LogEntry | None:
    """Return the event with an id, in its current shape."""
    row = cursor.execute(f"{_SELECT} WHERE id = ?", (id,)).fetchone()
    return None if row is None else CODEC.upcast(_entry(row))


def at_position(cursor: Cursor, position: int) -> LogEntry | None:
    """Return the last entry at or before a position, as stored."""
    row = cursor.execute(
        f"{_SELECT} WHERE position <= ? ORDER BY position DESC LIMIT 1", (position,)
    ).fetchone()
    return None if row is None else _entry(row)


class Moment(NamedTuple):
    """When a position was given, and the hash of its event."""

    position: int
    recorded_at: Instant
    hash: str


def moment(cursor: Cursor, position: int) -> Moment | None:
    """Return the last moment at or before a position."""
    row = cursor.execute(
        """SELECT position, recorded_at, hash FROM log WHERE position <= ?
           ORDER BY position DESC LIMIT 1""",
        (position,),
    ).fetchone()
    return None if row is None else Moment(*row)


def mark(cursor: Cursor, position: int) -> Mark:
    """Return which history a reader is in that has come to a position."""
    found = moment(cursor, position)
    return Mark(position, FIRST_HASH if found is None else found.hash)


def stream(cursor: Cursor, name: str) -> list[LogEntry]:
    """Return a stream's events in their current shape, oldest first."""
    cursor.execute(f"{_SELECT} WHERE stream = ? ORDER BY version", (name,))
    return [CODEC.upcast(_entry(row)) for row in cursor.fetchall()]


def claim_stream(cursor: Cursor, claim: str) -> list[LogEntry]:
    """Return a claim's events, contradictions from other claims' streams included."""
    entries = stream(cursor, f"claim:{claim}")
    foreign = cursor.execute(
        f"""{_SELECT} WHERE position IN
            (SELECT position FROM contradictions WHERE claim = ?)""",
        (claim,),
    ).fetchall()
    if foreign:
        entries += [CODEC.upcast(_entry(row)) for row in foreign]
        entries.sort()
    return entries


def page(cursor: Cursor, *, after: int, upto: int, limit: int = PAGE) -> list[LogEntry]:
    """Return up to ``limit`` entries with after < position ≤ upto, as stored."""
    rows = cursor.execute(
        f"{_SELECT} WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
        (after, upto, limit),
    ).fetchall()
    return [_entry(row) for row in rows]


def mentions(
    cursor: Cursor, kind: str, slug: str, *, after: int, upto: int
) -> list[LogEntry]:
    """Return up to a page of entries that may be about something, as stored.

    None that is about it is left out: those of its stream, those in which its name
    stands, and all voids, which name nothing but an event. Goes over the stretch in the
    database, which decodes nothing.
    """
    contains = cursor.dialect.contains.format(column="fields")
    rows = cursor.execute(
        f"""{_SELECT} WHERE position > ? AND position <= ?
            AND (stream = ? OR type = 'RecordVoided' OR {contains})
            ORDER BY position LIMIT ?""",
        (after, upto, f"{kind}:{slug}", orjson.dumps(slug), PAGE),
    ).fetchall()
    return [_entry(row) for row in rows]


def by_stream(
    cursor: Cursor, kind: str, *, beyond: str = ""
) -> Iterator[list[LogEntry]]:
    """Iterate over streams of one kind by name, each whole, in current shape.

    Begins after the stream of the slug ``beyond``. Reads in pages, so that the cursor
    is free between two streams.
    """
    entries: list[LogEntry] = []
    name, version = f"{kind}:{beyond}", OPEN_END if beyond else 0
    while True:
        rows = cursor.execute(
            f"""{_SELECT} WHERE (stream, version) > (?, ?) AND stream < ?
                ORDER BY stream, version LIMIT ?""",
            (name, version, f"{kind};", PAGE),
        ).fetchall()
        for row in rows:
            entry = CODEC.upcast(_entry(row))
            if entries and entry.stream != entries[-1].stream:
                yield entries
                entries = []
            entries.append(entry)
        if len(rows) < PAGE:
            break
        name, version = entries[-1].stream, entries[-1].version
    if entries:
        yield entries


def of_types(cursor: Cursor, *types: str) -> list[LogEntry]:
    """Return all events of some rare types, by position. Reads the whole log."""
    marks = ",".join("?" * len(types))
    cursor.execute(f"{_SELECT} WHERE type IN ({marks}) ORDER BY position", types)
    return [CODEC.upcast(_entry(row)) for row in cursor.fetchall()]


def count(cursor: Cursor, upto: int = OPEN_END) -> int:
    """Return how many events the log holds up to a position."""
    row = cursor.execute(
        "SELECT count(*) FROM log WHERE position <= ?", (upto,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def last_of_moment(cursor: Cursor, instant: Instant) -> int:
    """Return the last position recorded at or before an instant; 0 if none."""
    row = cursor.execute(
        """SELECT position FROM moments WHERE recorded_at <= ?
           ORDER BY recorded_at DESC LIMIT 1""",
        (instant,),
    ).fetchone()
    return 0 if row is None else int(row[0])
