"""Statements as pages tell them: when they were known and recorded, what voided them.

What is asked here goes over the log; it is kept at the position it was asked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

from dateline.api.page.kept import Kept
from dateline.api.page.lists import Moments, thinned
from dateline.api.page.pictures.arrivals import is_late
from dateline.api.page.views import CSV, Scene
from dateline.domain.answers import Arrival, CalendarDay
from dateline.domain.events import BasisWord, PositionTaken, Statement
from dateline.domain.recorded import Recorded
from dateline.domain.times import Period, Zone, datetime_of
from dateline.ledger import Ledger
from dateline.names import Names

STATEMENTS_AT_ONCE = 200
"""Statements on a page, and entries of any other list on it."""

KNOWN, POSSIBLE, LATER = "known", "possible", "later"


@dataclass(frozen=True)
class Told:
    """A statement at a point.

    Attributes:
        period: the instants at which it may have become public.
        reach: whether it is known at the point, possibly known, or only later.
        void: what had voided our record of it at the point.
    """

    event: Recorded
    said: Statement
    period: Period
    reach: str
    void: Recorded | None
    arrival: Arrival

    @property
    def id(self) -> str:
        return self.event.id

    @property
    def is_late(self) -> bool:
        """Whether it was recorded long after it had become known."""
        return is_late(self.arrival)


def events_of(
    ledger: Ledger,
    kept: Kept,
    position: int,
    *,
    claim: str | None = None,
    source: str | None = None,
) -> list[Recorded]:
    """Return the events of a claim or a source up to a position (inclusive)."""

    def ask() -> list[Recorded]:
        found = ledger.events(claim=claim, source=source)
        return list(takewhile(lambda event: event.position <= position, found))

    moment = ledger.resolve(position)
    return kept.get(ask, "events", moment.hash, claim, source)


def told(
    events: Iterable[Recorded], zone: Zone, *, on: str, position: int
) -> list[Told]:
    """Return the statements among some events, the newest in public time first.

    Args:
        events: by position, with what voids them.
        on, position: the point; what lies beyond ``position`` is left out.
    """
    until = zone.known_until(on)
    recorded = [event for event in events if event.position <= position]
    voids: dict[str, Recorded] = {}
    for event in recorded:
        if event.type == "RecordVoided":
            voids.setdefault(event.stored["event"], event)
    found = []
    for event in recorded:
        said = event.event
        if not isinstance(said, Statement):
            continue
        period = zone.period(said.said_at)
        reach = KNOWN if period.latest <= until else POSSIBLE
        if period.earliest > until:
            reach = LATER
        void = voids.get(event.id)
        arrival = Arrival(
            statement=event.id,
            claim=said.claim,
            source=said.source,
            stance=said.stance,
            known_from=datetime_of(period.latest),
            position=event.position,
            recorded_at=event.recorded_at,
            voided=void is not None,
        )
        found.append(Told(event, said, period, reach, void, arrival))
    return sorted(
        found, key=lambda one: (one.period.latest, one.event.position), reverse=True
    )


def cited(names: Names, event: Recorded) -> list[tuple[str, Recorded | None]]:
    """Return the entries of a statement's basis; with the statement, if it is one."""
    said = event.event
    if not isinstance(said, PositionTaken) or isinstance(said.basis, BasisWord):
        return []
    entries: list[tuple[str, Recorded | None]] = []
    for id in said.basis:
        earlier = [
            found
            for found in names.events([id])
            if isinstance(found.event, Statement)
            and found.event.claim == said.claim
            and found.position < event.position
        ]
        entries.append((id, earlier[0] if earlier else None))
    return entries


def is_web(url: str) -> bool:
    """Tell whether a URL leads to the web, so that it may be a link."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def said_on(zone: Zone, statements: Iterable[Told]) -> dict[str, int]:
    """Count the statements that became known on each day, by day; no voided ones."""
    counts: dict[str, int] = {}
    for one in statements:
        day = zone.day(one.period.latest)
        if one.void is None and zone.known_until(day) >= one.period.latest:
            counts[day] = counts.get(day, 0) + 1
    return dict(sorted(counts.items()))


def days_said(zone: Zone, statements: Iterable[Told]) -> tuple[CalendarDay, ...]:
    """Return the days on which statements became known; no statuses add up on them."""
    return tuple(
        CalendarDay(day=day, counts={}, statements=count)
        for day, count in said_on(zone, statements).items()
    )


def moments_of(scene: Scene, events: Sequence[Recorded], **wanted: str) -> Moments:
    """Return the moments at which events were recorded, also after the position.

    Args:
        events: those up to the position.
        wanted: the claim or the source that they are of.
    """
    later = scene.ledger.events(after=scene.position, types=None, **wanted)
    last = {
        event.recorded_at: event.position
        for found in (events, [] if scene.is_at_head else later)
        for event in found
    }
    return thinned(last)


def rows_of(scene: Scene, statements: Iterable[Told]) -> list[dict[str, Any]]:
    """Return statements as rows of a table, if it is a table that is asked for."""
    if scene.visit.given.get("format") != CSV:
        return []
    return [_row(scene, one) for one in statements]


def _row(scene: Scene, one: Told) -> dict[str, Any]:
    fields = one.event.stored
    optional = ("basis", "via", "document", "quote", "url", "note", "language")
    return {
        "on": scene.on,
        "as_recorded_by": scene.position,
        "statement": one.id,
        "claim": fields["claim"],
        "source": fields["source"],
        "name": scene.names.source(fields["source"]),
        "stance": one.said.stance.value,
        "strength": fields.get("strength"),
        "said_at": fields["said_at"],
        "reach": one.reach,
        **{name: fields.get(name) for name in optional},
        "position": one.event.position,
        "recorded_at": fields["recorded_at"],
        "late": one.is_late,
        "voided": None if one.void is None else one.void.stored["reason"],
    }
