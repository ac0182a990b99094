"""When things became known: the days of public time, and both times of statements."""

from collections import Counter

from dateline.domain.answers import Arrival, CalendarDay
from dateline.domain.questions import Point
from dateline.domain.rule import Policy, Status
from dateline.domain.times import Instant, Zone, datetime_of
from dateline.projections import log
from dateline.projections.asof import AsOf
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.store import Cursor


def days(
    cursor: Cursor, zone: Zone, policy: Policy, *, topic: str | None, recorded_by: int
) -> tuple[CalendarDay, ...]:
    """Return the days on which a topic's statements became known, in order."""
    answers = AsOf(cursor, zone, policy)
    said = Counter(
        _day_of(zone, stated.latest)
        for claim in answers.filed(topic or EVERY_CLAIM, recorded_by)
        for stated in answers._history(claim).counting(
            recorded_by=recorded_by, implicit=True
        )
    )
    found = []
    for day in sorted(day for day in said if day is not None):
        point = Point(zone.known_until(day), recorded_by)
        counts = Counter(found.status for found in answers.claims(point, topic=topic))
        found.append(
            CalendarDay(
                day=day,
                counts={s: counts[s] for s in Status if s in counts},
                statements=said[day],
            )
        )
    return tuple(found)


def arrivals(
    cursor: Cursor, zone: Zone, policy: Policy, *, topic: str | None, recorded_by: int
) -> tuple[Arrival, ...]:
    """Return the statements on a topic's claims, by position."""
    answers = AsOf(cursor, zone, policy)
    found = []
    for claim in answers.filed(topic or EVERY_CLAIM, recorded_by):
        history = answers._history(claim)
        for stated in history.statements.values():
            if stated.position <= recorded_by:
                at = log.moment(cursor, stated.position)
                assert at is not None
                found.append(
                    Arrival(
                        statement=stated.id,
                        claim=claim,
                        source=stated.source,
                        stance=stated.stance,
                        known_from=datetime_of(stated.latest),
                        position=stated.position,
                        recorded_at=datetime_of(at.recorded_at),
                        voided=history.is_voided(stated.id, recorded_by=recorded_by),
                    )
                )
    return tuple(sorted(found, key=lambda arrival: arrival.position))


def _day_of(zone: Zone, instant: Instant) -> str | None:
    """Return the first day at whose end an instant has come; none if there is none."""
    day = zone.day(instant)
    return day if zone.known_until(day) >= instant else None
