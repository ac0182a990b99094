"""The claim view: its life, its state and why, and all that was said of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from dateline.api.page.kept import Kept
from dateline.api.page.lists import page_of
from dateline.api.page.pictures.calendar import days_of
from dateline.api.page.pictures.origins import (
    Graph,
    Kind,
    Line,
    Node,
    Reading,
    graph_of,
)
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
    row_of,
    said_on,
    told,
)
from dateline.api.page.topic import day_of, today
from dateline.api.page.views import Scene, Shown
from dateline.api.page.visit import Visit
from dateline.domain.answers import (
    Calendar,
    CalendarDay,
    Explanation,
    Timeline,
    as_json,
)
from dateline.domain.events import ClaimAssessed
from dateline.domain.histories import ClaimHistory, is_so
from dateline.domain.questions import statements_at
from dateline.domain.recorded import LogEntry, Recorded
from dateline.domain.times import Zone, instant_of
from dateline.ledger import Ledger
from dateline.projections.codec import CODEC
from dateline.words import does

_RELATIONS: Mapping[tuple[str, bool], str] = {
    ("contradicts", True): "contradicts",
    ("contradicts", False): "contradicts",
    ("supports", True): "supports",
    ("supports", False): "is supported by",
    ("refines", True): "refines",
    ("refines", False): "is refined by",
}
"""How a link reads from the claim that it runs from, and from the other one."""

_MEANINGS = {
    Kind.LOST: "withdrawn: left that side",
    Kind.VOIDED: "withdrawn: record void",
    Kind.UNHEARD: "does not count at this point",
    Kind.ORIGIN: "origin",
}


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the last day on which its status or tally changed; today, if never."""
    found = ledger.timeline(
        visit.names["claim"], recorded_by=position, policy=visit.policy
    )
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
    timeline = ledger.timeline(id, recorded_by=position, policy=scene.policy)
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
            **_drawn(scene, explanation, history),
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
        rows=[row_of(scene, one) for one in statements],
    )


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


def reading_of(
    ledger: Ledger, explanation: Explanation, history: ClaimHistory
) -> Reading:
    """Return how the bases of a claim's standings read at the point of an answer.

    Args:
        history: of the claim, at least up to the position.
    """
    basis = explanation.basis

    @cache
    def principal_of(source: str) -> str:
        found = ledger.source(source, recorded_by=basis.position).principal
        return source if found == source else principal_of(found)

    counting = statements_at(
        history,
        on=instant_of(basis.known_until),
        recorded_by=basis.position,
        policy=basis.policy,
    )
    return Reading(
        explanation.standings,
        {one.id: one for one in counting},
        history.voided(recorded_by=basis.position),
        principal_of,
    )


def _drawn(
    scene: Scene, explanation: Explanation, history: ClaimHistory
) -> dict[str, Any]:
    """Return the graph of origins, with what its nodes and lines are called."""
    reading = reading_of(scene.ledger, explanation, history)
    graph = graph_of(explanation.standings, reading)
    if graph is None:
        silent = [one.source for one in explanation.standings if one.side is not None]
        return {"graph": None, "silent": silent}
    return {
        "graph": graph,
        "silent": graph.silent,
        "said_of": {node: _called(scene, node) for node in graph.nodes},
        "kind_of": _kinds(explanation, graph),
        "does_to": partial(_does_to, scene),
    }


def _called(scene: Scene, node: Node) -> str:
    if node.kind not in (Kind.VOIDED, Kind.UNHEARD):
        return scene.names.source(node.id)
    (event,) = scene.names.events([node.id])
    return scene.names.source(event.stored["source"])


def _kinds(explanation: Explanation, graph: Graph) -> dict[Node, str]:
    """Return what each node is, in words."""
    held = {one.source: does(one.stance, one.strength) for one in explanation.standings}
    kinds = {}
    for node, placed in graph.nodes.items():
        match node.kind:
            case Kind.STANDS:
                kinds[node] = held[node.id]
            case Kind.CITED if placed.is_circular:
                kinds[node] = "cited, circular"
            case Kind.CITED:
                kinds[node] = "cited"
            case _:
                kinds[node] = _MEANINGS[node.kind]
    return kinds


def _does_to(scene: Scene, line: Line) -> str:
    """Say what a line of the graph stands for, after the name of where it begins."""
    end = _called(scene, line.end)
    match line.end.kind:
        case Kind.ORIGIN if line.begin.kind is Kind.STANDS:
            return f"rests on what {end} knows"
        case Kind.ORIGIN:
            return f"leads to what {end} knows"
        case Kind.CITED | Kind.STANDS if line.is_circular:
            return f"rests on {end}, who rests on it in turn: circular"
        case Kind.LOST:
            return f"rested on {end}, who is no longer on that side: withdrawn"
        case Kind.VOIDED:
            return f"rested on a statement of {end} whose record is void: withdrawn"
        case Kind.UNHEARD:
            return f"rests on a statement of {end} that does not count at this point"
        case _:
            return f"rests on {end}"
