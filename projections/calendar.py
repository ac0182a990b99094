"""When things became known: the days of public time, and both times of statements.

One query each over a topic's rows, swept here: no question for each day.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter

import orjson
from pydantic import TypeAdapter

from dateline.domain.answers import Arrival, CalendarDay
from dateline.domain.errors import SkippedDay
from dateline.domain.rule import Policy, Status, decide
from dateline.domain.standings import Weights
from dateline.domain.times import FIRST, LAST, Instant, Zone, datetime_of
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.steps import OTHER_VARIANT
from dateline.projections.store import Cursor, Dialect

# A topic's claims by the key of claims, then of each the rows by a key that begins
# with the claim: steps_key, or that of arrivals.
_OF_TOPIC = """
    SELECT {columns} FROM (
      SELECT claim AS filed FROM claims
      WHERE topic = ? AND recorded_from <= ? AND recorded_until > ?
    ) AS of_topic
    {rows}
"""
_AT = "{table}.claim = filed AND {table}.recorded_from <= ?"


@cache
def _steps(dialect: Dialect, judged: str) -> str:
    valid = f"{_AT} AND steps.recorded_until > ? AND variant <> ?"
    return _OF_TOPIC.format(
        columns=f"known_from, filed, {judged}",
        rows=_joined(dialect, "steps", valid),
    )


@cache
def _known(dialect: Dialect) -> str:
    valid = f"{_AT} AND arrivals.recorded_until > ?"
    rows = _joined(dialect, "arrivals", valid)
    known = _OF_TOPIC.format(columns="known_from, count(*)", rows=rows)
    return f"{known} GROUP BY known_from"


@cache
def _arrived(dialect: Dialect) -> str:
    arrived = _OF_TOPIC.format(
        columns="""statement, filed, source, stance, known_from, recorded_from,
                   recorded_at, recorded_until""",
        rows=_joined(dialect, "arrivals", _AT),
    )
    return f"{arrived} ORDER BY recorded_from"


def _joined(dialect: Dialect, table: str, condition: str) -> str:
    return dialect.rows_of_each.format(
        table=table, condition=condition.format(table=table)
    )


def days(
    cursor: Cursor, zone: Zone, policy: Policy, *, topic: str | None, recorded_by: int
) -> tuple[CalendarDay, ...]:
    """Return the days on which a topic's statements became known, in order.

    Each step of a claim begins with a statement, so the counts change on no other day.
    """
    valid = _of(topic), recorded_by, recorded_by, recorded_by, recorded_by
    known = cursor.execute(_known(cursor.dialect), valid).fetchall()
    day_of = _days_of(zone, sorted(instant for instant, _ in known))
    statements: Counter[str] = Counter()
    for instant, count in known:
        statements[day_of[instant]] += count
    statements.pop(_NEVER, None)
    counts: Mapping[Status, int] = {}
    counted = dict(_counted(cursor, valid, policy, day_of))
    found = []
    for day in sorted(statements):
        counts = counted.get(day, counts)
        found.append(CalendarDay(day=day, counts=counts, statements=statements[day]))
    return tuple(found)


def _counted(
    cursor: Cursor,
    valid: tuple[object, ...],
    policy: Policy,
    day_of: Mapping[Instant, str],
) -> Iterator[tuple[str, Mapping[Status, int]]]:
    """Yield how many claims have each status at the end of each day with a step."""
    is_default = policy.confirmations == 1 and not policy.independent

    @cache
    def decided(weights: str) -> str:
        return decide(Weights(*orjson.loads(weights)), policy).status.value

    steps = cursor.execute(
        _steps(cursor.dialect, "status" if is_default else "weights"),
        (*valid, OTHER_VARIANT[policy.implicit]),
    ).fetchall()
    steps.sort(key=itemgetter(0))
    status_of: dict[str, str] = {}
    counts = dict.fromkeys((status.value for status in Status), 0)
    for day, of_day in groupby(steps, key=lambda step: day_of[step[0]]):
        for _, claim, found in of_day:
            status = found if is_default else decided(found)
            if claim in status_of:
                counts[status_of[claim]] -= 1
            status_of[claim] = status
            counts[status] += 1
        yield day, {Status(status): n for status, n in counts.items() if n}


def arrivals(
    cursor: Cursor, *, topic: str | None, recorded_by: int
) -> tuple[Arrival, ...]:
    """Return the statements on a topic's claims, by position."""
    rows = cursor.execute(
        _arrived(cursor.dialect), (_of(topic), recorded_by, recorded_by, recorded_by)
    ).fetchall()
    return _ARRIVALS.validate_python(
        [
            {
                "statement": statement,
                "claim": claim,
                "source": source,
                "stance": stance,
                "known_from": datetime_of(known_from),
                "position": position,
                "recorded_at": datetime_of(recorded_at),
                "voided": recorded_until <= recorded_by,
            }
            for (
                statement,
                claim,
                source,
                stance,
                known_from,
                position,
                recorded_at,
                recorded_until,
            ) in rows
        ]
    )


_ARRIVALS = TypeAdapter(tuple[Arrival, ...])


def _of(topic: str | None) -> str:
    return EVERY_CLAIM if topic is None else topic


_NEVER = "never"
"""Stands for the day of what has not come by the end of the last one; after them."""


def _days_of(zone: Zone, instants: Iterable[Instant]) -> Mapping[Instant, str]:
    """Return the day of each of some instants, which rise."""
    day_of: dict[Instant, str] = {}
    day, ends = "", FIRST - 1
    for instant in instants:
        if instant > ends:
            day = _day_of(zone, instant)
            ends = LAST if day == _NEVER else zone.known_until(day)
        day_of[instant] = day
    return day_of


def _day_of(zone: Zone, instant: Instant) -> str:
    """Return the first day at whose end an instant has come.

    That is the local day, except after clocks that went back over midnight, and where
    the first or the last day of the calendar is cut off by the zone.
    """
    try:
        day = zone.day(instant)
    except OverflowError:
        day = date.min.isoformat() if instant < 0 else date.max.isoformat()
    while not _has_come(zone, instant, day):
        if day == date.max.isoformat():
            return _NEVER
        day = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    return day


def _has_come(zone: Zone, instant: Instant, day: str) -> bool:
    try:
        return zone.known_until(day) >= instant
    except SkippedDay:
        return False
