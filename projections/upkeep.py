"""Rebuilding the rows from the log, and checking that log, rows and rule agree."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from dateline.domain.decisions import LEDGER_STREAM
from dateline.domain.errors import LedgerDamaged
from dateline.domain.histories import ClaimHistory, Described
from dateline.domain.questions import steps
from dateline.domain.recorded import BEGINNING, FIRST_HASH, LogEntry, follows
from dateline.domain.rule import decide
from dateline.domain.times import FIRST, Zone
from dateline.projections import log
from dateline.projections.book import Principals, principal_of
from dateline.projections.codec import CODEC
from dateline.projections.feed import EventFilter, stored
from dateline.projections.recording import uncollected
from dateline.projections.rows import TABLES, RowWriter, created, created_as_scratch
from dateline.projections.steps import COUNT, IGNORE, POLICY, ClaimRows
from dateline.projections.store import OPEN_END, Cursor, Progress, Store

ROWS_SINCE = 2
"""The schema's version since which the rows are what they are now."""

_WRITTEN_AT_ONCE = 10_000
_POSITIONS_CHECKED = 4

_FILL_MOMENTS = """
    INSERT INTO moments
    SELECT recorded_at, max(position) FROM log GROUP BY recorded_at
"""
_STEPS = """
    SELECT known_from, status, weights FROM steps
    WHERE claim = ? AND recorded_from <= ? AND recorded_until > ?
      AND variant IN (0, ?)
    ORDER BY known_from
"""


class Verified(NamedTuple):
    """How much was checked and found right."""

    events: int
    claims: int
    position: int
    hash: str


def bring_up(cursor: Cursor, version: int) -> None:
    """Fold the rows of a ledger that an earlier release did not keep whole.

    Args:
        version: of its schema before its tables were brought up to date; 0 if it is
            new.

    Raises:
        LedgerDamaged: its log cannot be folded.
    """
    if 0 < version < ROWS_SINCE:
        opened = next(iter(log.stream(cursor, LEDGER_STREAM)), None)
        if opened is not None:
            rebuild(cursor, Zone(opened.fields["timezone"]), lambda done, total: None)


def rebuild(cursor: Cursor, zone: Zone, progress: Progress) -> int:
    """Clear the rows and fold the log again; return the number of its events.

    Rows are deleted and tables kept, so that readers of an earlier moment see it
    until they end, on every store.
    """
    for statement in created(cursor.dialect):
        cursor.execute(statement)
    for table in TABLES:
        cursor.execute(f"DELETE FROM {table}")
    cursor.execute(cursor.dialect.words.clear)
    try:
        with uncollected():
            return _fill(cursor, zone, progress)
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        raise LedgerDamaged(
            "the log holds what was never recorded; verify names it"
        ) from error


def _fill(cursor: Cursor, zone: Zone, progress: Progress) -> int:
    """Fold the log, claim by claim, into empty tables."""
    total = log.count(cursor)
    principals = _principals(cursor)
    contradictions = _contradictions(cursor)
    writer = RowWriter()
    for promise in log.of_types(cursor, "UpdateExpected"):
        writer.apply(promise)
    for entries in log.by_stream(cursor, "source"):
        described = Described()
        for entry in entries:
            described.apply(entry)
            writer.describe(entry, described)
    done = waiting = 0
    for entries in log.by_stream(cursor, "claim"):
        rows = ClaimRows(ClaimHistory(zone), principals, {})
        claim = entries[0].fields["claim"]
        for entry in sorted(entries + contradictions.get(claim, [])):
            writer.apply(entry, rows)
        done += len(entries)
        waiting += len(entries)
        if waiting >= _WRITTEN_AT_ONCE:
            writer.write(cursor)
            writer, waiting = RowWriter(), 0
            progress(done, total)
    writer.write(cursor)
    cursor.execute(_FILL_MOMENTS)
    progress(total, total)
    return total


def _principals(cursor: Cursor) -> Principals:
    registered = log.of_types(cursor, "SourceRegistered")
    direct = {entry.fields["source"]: principal_of(entry) for entry in registered}
    return Principals(direct.__getitem__)


def _contradictions(cursor: Cursor) -> Mapping[str, list[LogEntry]]:
    """Return the contradictions on other claims' streams, by the claim they hit."""
    found: dict[str, list[LogEntry]] = {}
    for entry in log.of_types(cursor, "ClaimsLinked", "ClaimsUnlinked"):
        if entry.fields["relation"] == "contradicts":
            found.setdefault(entry.fields["other"], []).append(entry)
    return found


def verify(store: Store, zone: Zone, progress: Progress) -> Verified:
    """Check the chain, the rows against the log, and the rows against the rule.

    Raises:
        LedgerDamaged: the first thing that does not agree.
    """
    with store.reading() as cursor:
        upto = store.last_position(cursor)
        end = log.at_position(cursor, OPEN_END)
    count, last = _check_chain(store, upto, progress)
    if end is not None and end.position > upto:
        raise LedgerDamaged(
            f"the log goes on to position {end.position}, but only {upto} was given; "
            "restore a backup"
        )
    with store.reading() as cursor:
        store.check(cursor)
        claims = _check_rule(cursor, zone, progress)
        _check_rows(store, cursor, zone, progress)
    return Verified(count, claims, upto, last)


def _check_chain(store: Store, upto: int, progress: Progress) -> tuple[int, str]:
    previous, recorded_at, count, last = FIRST_HASH, FIRST, 0, 0
    versions: dict[str, int] = {}
    for entry in stored(store, EventFilter(), after=BEGINNING, upto=upto):
        CODEC.check(entry)
        if not follows(previous, entry):
            raise LedgerDamaged(
                f"the hash of position {entry.position} does not follow from the "
                "event stored there; restore a backup"
            )
        if entry.recorded_at < recorded_at:
            raise LedgerDamaged(f"recorded_at falls at position {entry.position}")
        if entry.version != versions.get(entry.stream, 0) + 1:
            raise LedgerDamaged(
                f"stream {entry.stream!r} has a gap before position {entry.position}"
            )
        versions[entry.stream] = entry.version
        previous, recorded_at = entry.hash, entry.recorded_at
        count += 1
        last = entry.position
        progress(last, upto)
    if last != upto:
        raise LedgerDamaged(
            f"the log ends at position {last}, but {upto} was given; restore a backup"
        )
    return count, previous


def _check_rule(cursor: Cursor, zone: Zone, progress: Progress) -> int:
    """Compare each claim's steps with the rule, at the head and at earlier points."""
    principals = _principals(cursor)
    contradictions = _contradictions(cursor)
    total = log.count(cursor)
    claims = done = 0
    for entries in log.by_stream(cursor, "claim"):
        history = ClaimHistory(zone)
        claim = entries[0].fields["claim"]
        for entry in sorted(entries + contradictions.get(claim, [])):
            history.apply(entry)
        claims += 1
        for position in _sample([entry.position for entry in entries]):
            for variant in (COUNT, IGNORE):
                expected = list(_by_rule(history, principals, position, variant))
                cursor.execute(_STEPS, (claim, position, position, variant))
                if cursor.fetchall() != expected:
                    raise LedgerDamaged(
                        f"the rows of claim {claim!r} differ from the rule at "
                        f"position {position}; run rebuild"
                    )
        done += len(entries)
        progress(done, total)
    return claims


def _sample(positions: list[int]) -> list[int]:
    stride = max(1, len(positions) // _POSITIONS_CHECKED)
    return positions[::-stride]


def _by_rule(
    history: ClaimHistory, principals: Mapping[str, str], position: int, variant: int
) -> Iterator[tuple[int, str, str]]:
    policy = POLICY[variant]
    for instant, standings in steps(
        history, principals, recorded_by=position, policy=policy
    ):
        weights = standings.weigh()
        status = decide(weights, policy).status.value
        yield instant, status, orjson.dumps(list(weights)).decode()


def _check_rows(store: Store, cursor: Cursor, zone: Zone, progress: Progress) -> None:
    """Fold the log into scratch tables, and compare them with the rows."""
    for statement in created_as_scratch(cursor.dialect):
        cursor.execute(statement)
    _fill(cursor, zone, progress)
    contents = {table: f"SELECT * FROM {{schema}}.{table}" for table in TABLES}
    contents["words"] = cursor.dialect.words.listed
    for table, content in contents.items():
        rows = content.format(schema=store.schema)
        fresh = content.format(schema=store.scratch_schema)
        for some, other in ((rows, fresh), (fresh, rows)):
            row = cursor.execute(f"{some} EXCEPT {other} LIMIT 1").fetchone()
            if row is not None:
                raise LedgerDamaged(
                    f"the rows of {table!r} differ from the log ({row[0]!r}); "
                    "run rebuild"
                )
