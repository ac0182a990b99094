"""The source view: who it is, what it held when, and where it walked back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dateline.api.page.days import day_of, today
from dateline.api.page.kept import Kept
from dateline.api.page.lists import page_of
from dateline.api.page.pictures.calendar import days_of
from dateline.api.page.pictures.stances import Spoken, stances_of
from dateline.api.page.statements import (
    KNOWN,
    LATER,
    POSSIBLE,
    STATEMENTS_AT_ONCE,
    Told,
    cited,
    days_said,
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
    PositionHeld,
    RecordBasis,
    SourceState,
    as_json,
)
from dateline.domain.rule import Implicit, Policy
from dateline.domain.standings import side_of
from dateline.domain.times import Zone
from dateline.ledger import Ledger

SOURCES_AT_ONCE = 100

RELIABILITIES = {
    "A": "completely reliable",
    "B": "usually reliable",
    "C": "fairly reliable",
    "D": "not usually reliable",
    "E": "unreliable",
    "F": "reliability cannot be judged",
}
"""What the letters of the Admiralty scale mean (NATO AJP-2.1)."""


@dataclass(frozen=True)
class Turn:
    """A claim on which a source left the side it had taken.

    Attributes:
        before: its last known statement on that side.
        after: what it stands on now.
    """

    claim: str
    before: Told
    after: Told


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the day of its last statement; today, if it made none."""
    source = visit.names["source"]
    ledger.source(source, recorded_by=position)
    zone = Zone(ledger.timezone)
    events = events_of(ledger, kept, position, source=source)
    day = today(ledger)
    days = list(said_on(zone, told(events, zone, on=day, position=position)))
    return days[-1] if days else day


def show(scene: Scene) -> Shown:
    """Show a source."""
    ledger, position, id = scene.ledger, scene.position, scene.visit.names["source"]
    zone = Zone(ledger.timezone)
    source = ledger.source(id, recorded_by=position)
    held = ledger.positions(id, on=scene.on, recorded_by=position, policy=scene.policy)
    events = events_of(ledger, scene.kept, position, source=id)
    statements = told(events, zone, on=scene.on, position=position)
    known = [one for one in statements if one.reach == KNOWN]
    later = [one for one in statements if one.reach == LATER][::-1]
    page, pages = page_of(scene.visit, len(known), STATEMENTS_AT_ONCE)
    begin = (page - 1) * STATEMENTS_AT_ONCE
    promised = [
        one
        for one in ledger.expectations(on=scene.on, recorded_by=position).expectations
        if id in (one.source, one.awaits)
    ]
    day = day_of(ledger, scene.on)
    basis = RecordBasis(
        position=position, recorded_at=scene.recorded_at, policy=scene.policy
    )
    said = Calendar(basis=basis, topic=None, days=days_said(zone, statements))
    days = days_of(said, day)
    return Shown(
        title=source.name,
        name=f"{id}-{day}",
        template="source.html",
        picture="pictures/stances.svg",
        values={
            "source": source,
            "chain": _chain(ledger, source, position),
            "reliabilities": RELIABILITIES,
            "chart": "pictures/stances.svg" if statements else None,
            "stances": stances_of(_spoken(statements, scene.policy), days, zone),
            "days": days,
            "held": held.positions[:STATEMENTS_AT_ONCE],
            "held_count": len(held.positions),
            "turns": _turns(held.positions, known, scene.policy),
            "known": known[begin : begin + STATEMENTS_AT_ONCE],
            "count": len(known),
            "page": page,
            "pages": pages,
            "possible": [one for one in statements if one.reach == POSSIBLE],
            "later": later,
            "promised": promised,
            "moments": moments_of(scene, events, source=id),
            "cited": partial(cited, scene.names),
            "is_web": is_web,
            "most": STATEMENTS_AT_ONCE,
        },
        data={
            "source": as_json(source),
            "positions": as_json(held),
            "expectations": [as_json(one) for one in promised],
            "events": [event.stored for event in events],
        },
        rows=rows_of(scene, statements),
    )


def show_all(scene: Scene) -> Shown:
    """Show the sources that are registered."""
    found = scene.ledger.sources(
        recorded_by=scene.position,
        first=SOURCES_AT_ONCE,
        after=scene.visit.given.get("after"),
    )
    return Shown(
        title="Sources",
        name="sources",
        template="sources.html",
        values={"sources": found.sources, "next": found.next},
        data=as_json(found),
        rows=[
            {
                "source": source.id,
                "name": source.name,
                "kind": source.kind,
                "principal": source.principal,
                "country": source.country,
                "url": source.url,
                "ratings": [
                    f"{one.rater or 'somebody'}:{one.reliability.value}"
                    for one in source.ratings
                ],
            }
            for source in found.sources
        ],
    )


def _chain(ledger: Ledger, source: SourceState, position: int) -> list[str]:
    """Return the parties that a source speaks for, nearest first, without itself."""
    chain: list[str] = []
    speaker = source
    while speaker.principal != speaker.id:
        chain.append(speaker.principal)
        speaker = ledger.source(speaker.principal, recorded_by=position)
    return chain


def _turns(
    held: Sequence[PositionHeld], known: Iterable[Told], policy: Policy
) -> list[Turn]:
    """Return where a source walked back, by claim.

    Args:
        known: its known statements, the newest first.
    """
    by_claim: dict[str, list[Told]] = {}
    for one in known:
        if _counts(one, policy):
            by_claim.setdefault(one.said.claim, []).append(one)
    turns = []
    for position in held:
        if position.walked_back:
            after, *earlier = by_claim[position.claim]
            side = side_of(after.said.stance)
            before = next(
                one for one in earlier if side_of(one.said.stance) not in (None, side)
            )
            turns.append(Turn(position.claim, before, after))
    return turns


def _spoken(statements: Iterable[Told], policy: Policy) -> list[Spoken]:
    """Return what is drawn of a source's statements, in their order.

    Args:
        statements: the newest first.
    """
    return [
        Spoken(
            claim=one.said.claim,
            stance=one.said.stance,
            strength=one.event.stored.get("strength"),
            known_from=one.period.latest,
        )
        for one in statements
        if _counts(one, policy)
    ][::-1]


def _counts(one: Told, policy: Policy) -> bool:
    """Tell whether a statement is in force, and not left out by a policy."""
    is_implicit = one.event.stored.get("strength") == "implicit"
    is_ignored = is_implicit and policy.implicit is Implicit.IGNORE
    return one.void is None and not is_ignored
