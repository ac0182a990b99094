"""When things became known: the days of public time, and both times of statements.

One query each over a topic's rows, swept here: no question for each day.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import groupby

import orjson

from dateline.domain.answers import Arrival, CalendarDay
from dateline.domain.errors import SkippedDay
from dateline.domain.events import Stance
from dateline.domain.rule import Policy, Status, decide
from dateline.domain.standings import Weights
from dateline.domain.times import Instant, Zone, datetime_of
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
def _steps(dialect: Dialect) -> str:
    valid = f"{_AT} AND steps.recorded_until > ? AND variant <> ?"
    return _OF_TOPIC.format(
        columns="known_from, filed, status, weights",
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
    day_of = {instant: _day_of(zone, instant) for instant, _ in known}
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
    def decided(weights: str) -> Status:
        return decide(Weights(*orjson.loads(weights)), policy).status

    cursor.execute(_steps(cursor.dialect), (*valid, OTHER_VARIANT[policy.implicit]))
    steps = sorted(cursor.fetchall())
    status_of: dict[str, Status] = {}
    counts: Counter[Status] = Counter()
    for day, of_day in groupby(steps, key=lambda step: day_of[step[0]]):
        for _, claim, status, weights in of_day:
            was = status_of.get(claim)
            if was is not None:
                counts[was] -= 1
            became = Status(status) if is_default else decided(weights)
            status_of[claim] = became
            counts[became] += 1
        yield day, {status: counts[status] for status in Status if counts[status]}


def arrivals(
    cursor: Cursor, *, topic: str | None, recorded_by: int
) -> tuple[Arrival, ...]:
    """Return the statements on a topic's claims, by position."""
    rows = cursor.execute(
        _arrived(cursor.dialect), (_of(topic), recorded_by, recorded_by, recorded_by)
    )
    return tuple(
        Arrival.model_construct(
            statement=statement,
            claim=claim,
            source=source,
            stance=Stance(stance),
            known_from=datetime_of(known_from),
            position=position,
            recorded_at=datetime_of(recorded_at),
            voided=recorded_until <= recorded_by,
        )
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
    )


def _of(topic: str | None) -> str:
    return EVERY_CLAIM if topic is None else topic


_NEVER = "never"
"""Stands for the day of what has not come by the end of the last one; after them."""


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
