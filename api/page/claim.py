"""The claim view: its life, its state and why, and all that was said of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from dateline.api.page.days import day_of, today
from dateline.api.page.kept import Kept
from dateline.api.page.lists import page_of
from dateline.api.page.origins import drawn
from dateline.api.page.pictures.calendar import days_of
from dateline.api.page.pictures.spans import point_of, strip_of
from dateline.api.page.statements import (
    KNOWN,
    LATER,
    POSSIBLE,
    STATEMENTS_AT_ONCE,
    Told,
    cited,
    events_of,
    is_web,
    moments_of,
    rows_of,
    said_on,
    told,
)
from dateline.api.page.views import Scene, Shown
from dateline.api.page.visit import Visit
from dateline.domain.answers import (
    Calendar,
    CalendarDay,
    Timeline,
    as_json,
)
from dateline.domain.events import ClaimAssessed
from dateline.domain.histories import ClaimHistory, is_so
from dateline.domain.recorded import LogEntry, Recorded
from dateline.domain.rule import Policy
from dateline.domain.times import Zone, instant_of
from dateline.ledger import Ledger
from dateline.projections.codec import CODEC

_RELATIONS: Mapping[tuple[str, bool], str] = {
    ("contradicts", True): "contradicts",
    ("contradicts", False): "contradicts",
    ("supports", True): "supports",
    ("supports", False): "is supported by",
    ("refines", True): "refines",
    ("refines", False): "is refined by",
}
"""How a link reads from the claim that it runs from, and from the other one."""


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the last day on which its status or tally changed; today, if never."""
    found = _timeline(ledger, kept, visit.names["claim"], position, visit.policy)
    if not found.spans:
        return today(ledger)
    return Zone(ledger.timezone).day(instant_of(found.spans[-1].from_))


def show(scene: Scene) -> Shown:
    """Show the claim."""
    ledger, position, id = scene.ledger, scene.position, scene.visit.names["claim"]
    zone = Zone(ledger.timezone)
    explanation = ledger.explain(
        id, on=scene.on, recorded_by=position, policy=scene.policy
    )
    timeline = _timeline(ledger, scene.kept, id, position, scene.policy)
    events = events_of(ledger, scene.kept, position, claim=id)
    history = history_of(zone, events)
    statements = told(events, zone, on=scene.on, position=position)
    known = [one for one in statements if one.reach == KNOWN]
    possible = [one for one in statements if one.reach == POSSIBLE]
    later = [one for one in statements if one.reach == LATER][::-1]
    page, pages = page_of(scene.visit, len(known), STATEMENTS_AT_ONCE)
    day = day_of(ledger, scene.on)
    days = days_of(_calendar(zone, timeline, statements), day)
    promised = [
        one
        for one in ledger.expectations(on=scene.on, recorded_by=position).expectations
        if id in one.claims
    ]
    begin = (page - 1) * STATEMENTS_AT_ONCE
    return Shown(
        title=explanation.claim.text,
        name=f"{id}-{day}",
        template="claim.html",
        picture="pictures/spans.svg",
        values={
            "id": id,
            "claim": explanation.claim,
            "sides": as_json(explanation.claim.tally),
            "framed": _framed(events),
            "links": _links(history, position),
            "wordings": [
                event
                for event in events
                if event.type in ("ClaimFramed", "ClaimReworded")
            ],
            "chart": "pictures/spans.svg",
            "days": days,
            "strip": strip_of(timeline.spans, days, zone),
            "spans": [
                (span, point_of(timeline.spans, index, zone))
                for index, span in enumerate(timeline.spans)
            ][-STATEMENTS_AT_ONCE:],
            "changes": len(timeline.spans),
            "explanation": explanation,
            "standings": sorted(
                explanation.standings,
                key=lambda one: (one.side is None, one.side != "for", one.source),
            )[:STATEMENTS_AT_ONCE],
            **drawn(scene, explanation, history),
            "known": known[begin : begin + STATEMENTS_AT_ONCE],
            "count": len(known),
            "page": page,
            "pages": pages,
            "on_page": {
                one.id: 1 + place // STATEMENTS_AT_ONCE
                for place, one in enumerate(known)
            },
            "possible": possible,
            "later": later,
            "assessments": _assessments(scene, events, zone),
            "promised": promised,
            "moments": moments_of(scene, events, claim=id),
            "cited": partial(cited, scene.names),
            "is_web": is_web,
            "most": STATEMENTS_AT_ONCE,
        },
        data={
            "explanation": as_json(explanation),
            "timeline": as_json(timeline),
            "events": [event.stored for event in events],
        },
        rows=rows_of(scene, statements),
    )


def _timeline(
    ledger: Ledger, kept: Kept, claim: str, position: int, policy: Policy
) -> Timeline:
    def ask() -> Timeline:
        return ledger.timeline(claim, recorded_by=position, policy=policy)

    moment = ledger.resolve(position)
    return kept.get(ask, "timeline", moment.hash, claim, policy)


def history_of(zone: Zone, events: Iterable[Recorded]) -> ClaimHistory:
    """Fold the events of a claim."""
    history = ClaimHistory(zone)
    for event in events:
        history.apply(CODEC.upcast(LogEntry.from_json(event.stored)))
    return history


def _framed(events: Sequence[Recorded]) -> Mapping[str, Any]:
    """Return the fields with which the claim was framed."""
    return next(event.stored for event in events if event.type == "ClaimFramed")


def _links(history: ClaimHistory, position: int) -> list[tuple[str, str]]:
    """Return how the claim bears on others at the position, and on which."""
    found = []
    for link, switches in history.links.items():
        if is_so(switches, recorded_by=position):
            is_from = link.claim == history.id
            other = link.other if is_from else link.claim
            found.append((_RELATIONS[link.relation, is_from], other))
    return sorted(found)


def _calendar(zone: Zone, timeline: Timeline, statements: Sequence[Told]) -> Calendar:
    """Return the days on which something was said of the claim, or changed it."""
    said = said_on(zone, statements)
    changed = [zone.day(instant_of(span.from_)) for span in timeline.spans]
    days = tuple(
        CalendarDay(day=day, counts={}, statements=said.get(day, 0))
        for day in sorted({*said, *changed})
    )
    return Calendar(basis=timeline.basis, topic=None, days=days)


def _assessments(
    scene: Scene, events: Sequence[Recorded], zone: Zone
) -> list[tuple[Recorded, Recorded | None]]:
    """Return the assessments known at the point, the newest first, with their voids."""
    until = zone.known_until(scene.on)
    voids = {
        event.stored["event"]: event
        for event in reversed(events)
        if event.type == "RecordVoided"
    }
    found = [
        (zone.period(event.event.assessed_at).latest, event)
        for event in events
        if isinstance(event.event, ClaimAssessed)
    ]
    found.sort(key=lambda one: (one[0], one[1].position), reverse=True)
    return [(one, voids.get(one.id)) for latest, one in found if latest <= until]
