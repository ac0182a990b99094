"""The day view: what was known of a topic at a point, and what had just changed.

What calls for attention comes first: claims in the order of their statuses, and among
them those that changed since the day before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from dateline.api.page.days import DAY, day_before, day_of, today
from dateline.api.page.kept import Kept
from dateline.api.page.lists import page_of, thinned
from dateline.api.page.meanings import STATUSES
from dateline.api.page.pictures.arrivals import Axes, axes_of
from dateline.api.page.pictures.calendar import days_of
from dateline.api.page.views import Scene, Shown
from dateline.api.page.visit import Visit
from dateline.domain.answers import (
    Arrivals,
    Calendar,
    Changes,
    ExpectationState,
    as_json,
)
from dateline.domain.rule import Policy, Status
from dateline.domain.times import Zone
from dateline.ledger import Ledger, status_named

CLAIMS_AT_ONCE = 100
"""Claims on a page: more would be slow on a phone, and nobody reads them all."""

REASONS_AT_ONCE = 5
"""Events behind a change that are told; the claim's page has them all."""

CHANGES_AT_ONCE = 300
"""Changes whose reasons are looked for: each folds a claim."""


@dataclass(frozen=True)
class Changed:
    """How a claim differs from the day before.

    Attributes:
        before: its status then.
        because: ids of the events that made the difference; none if not looked for.
    """

    before: Status
    because: Sequence[str]


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the last day on which something became known; today, if none is."""
    topic = visit.names["topic"]
    found = _calendar(ledger, kept, topic, position, visit.policy).days
    return found[-1].day if found else today(ledger)


def show(scene: Scene) -> Shown:
    """Show the day."""
    ledger, position, id = scene.ledger, scene.position, scene.visit.names["topic"]
    topic = scene.names.topic(id)
    known = orjson.loads(
        ledger.knowledge_json(
            on=scene.on, recorded_by=position, topic=id, policy=scene.policy
        )
    )
    day = day_of(ledger, scene.on)
    changes = ledger.changes(
        (day_before(day), position),
        (scene.on, position),
        topic=id,
        policy=scene.policy,
        first=CHANGES_AT_ONCE,
    )
    changed = _changed(scene, changes, known["claims"], day_before(day))
    promised = _promised(scene, id, {claim["id"] for claim in known["claims"]})
    wanted = _wanted(scene, known["claims"], changed)
    page, pages = page_of(scene.visit, len(wanted), CLAIMS_AT_ONCE)
    claims = wanted[(page - 1) * CLAIMS_AT_ONCE : page * CLAIMS_AT_ONCE]
    calendar = _calendar(ledger, scene.kept, id, position, scene.policy)
    ever = _arrivals(ledger, scene.kept, id, scene.head).arrivals
    return Shown(
        title=topic.title,
        name=f"{id}-{day}",
        template="topic.html",
        picture="pictures/calendar.svg",
        values={
            "topic": topic,
            "known": known,
            "claims": claims,
            "changed": changed,
            "before": day_before(day),
            "reasons": {
                claim["id"]: scene.names.events(
                    changed[claim["id"]].because[:REASONS_AT_ONCE]
                )
                for claim in claims
                if claim["id"] in changed
            },
            "possible": [
                (one, *scene.names.events([one["statement"]]))
                for one in known["possibly_known"][:CLAIMS_AT_ONCE]
            ],
            "promised": promised,
            "page": page,
            "pages": pages,
            "days": days_of(calendar, day, *_due_days(ledger, promised)),
            "axes": _axes(scene, id),
            "known_until": datetime.fromisoformat(known["basis"]["known_until"]),
            "moments": thinned({one.recorded_at: one.position for one in ever}),
        },
        data={
            "knowledge": known,
            "changes": as_json(changes),
            "expectations": [as_json(one) for one in promised],
        },
        rows=[_row(scene, claim, changed) for claim in wanted],
    )


def _changed(
    scene: Scene, changes: Changes, claims: Sequence[dict[str, Any]], before: str
) -> dict[str, Changed]:
    """Return what differs from the day before, by claim id.

    Where there is more than is told with its reasons, the rest is found by comparing.
    """
    found = {
        change.id: Changed(change.before.status, change.because)
        for change in changes.changes
    }
    if changes.next is None:
        return found
    was = orjson.loads(
        scene.ledger.knowledge_json(
            on=before,
            recorded_by=scene.position,
            topic=scene.visit.names["topic"],
            policy=scene.policy,
        )
    )
    states = {claim["id"]: claim for claim in was["claims"]}
    for claim in claims:
        state = states.get(claim["id"], {"status": Status.UNREPORTED.value})
        if any(state.get(name) != claim[name] for name in ("status", "flags", "tally")):
            status = Status(state["status"])
            found.setdefault(claim["id"], Changed(status, ()))
    return found


def _promised(
    scene: Scene, topic: str, reported: Collection[str]
) -> list[ExpectationState]:
    """Return the promised updates on claims of the topic, reported or not."""

    def is_filed(claim: str) -> bool:
        found = scene.ledger.claim(claim, on=scene.on, recorded_by=scene.position)
        return topic in found.topics

    found = scene.ledger.expectations(on=scene.on, recorded_by=scene.position)
    return [
        one
        for one in found.expectations
        if any(claim in reported or is_filed(claim) for claim in one.claims)
    ]


def _due_days(ledger: Ledger, promised: Sequence[ExpectationState]) -> list[str]:
    """Return the days after those on which promises are due at the latest."""
    zone = Zone(ledger.timezone)
    dues = (
        date.fromisoformat(zone.day(zone.period(one.due).latest)) for one in promised
    )
    return [(due + DAY if due < date.max else due).isoformat() for due in dues]


def _wanted(
    scene: Scene, claims: list[dict[str, Any]], changed: Mapping[str, Changed]
) -> list[dict[str, Any]]:
    """Return the claims to be shown, in the order of a page.

    Raises:
        InvalidParameter: there is no such status.
    """
    status = scene.visit.given.get("status")
    if status is not None:
        status = status_named(status)
        claims = [claim for claim in claims if claim["status"] == status]
    order = {status.value: place for place, status in enumerate(STATUSES)}

    def place(claim: dict[str, Any]) -> tuple[int, bool, str]:
        return order[claim["status"]], claim["id"] not in changed, claim["id"]

    return sorted(claims, key=place)


def _calendar(
    ledger: Ledger, kept: Kept, topic: str, position: int, policy: Policy
) -> Calendar:
    def ask() -> Calendar:
        return ledger.calendar(topic=topic, recorded_by=position, policy=policy)

    moment = ledger.resolve(position)
    return kept.get(ask, "calendar", moment.hash, topic, policy)


def _arrivals(ledger: Ledger, kept: Kept, topic: str, position: int) -> Arrivals:
    def ask() -> Arrivals:
        return ledger.arrivals(topic=topic, recorded_by=position)

    return kept.get(ask, "arrivals", ledger.resolve(position).hash, topic)


def _axes(scene: Scene, topic: str) -> Axes | None:
    def lay_out() -> Axes | None:
        return axes_of(_arrivals(scene.ledger, scene.kept, topic, scene.position))

    return scene.kept.get(lay_out, "axes", scene.hash, topic)


def _row(
    scene: Scene, claim: dict[str, Any], changed: Mapping[str, Changed]
) -> dict[str, Any]:
    tally = claim["tally"]
    change = changed.get(claim["id"])
    return {
        "on": scene.on,
        "position": scene.position,
        "claim": claim["id"],
        "text": claim["text"],
        "status": claim["status"],
        "flags": claim["flags"],
        "since": claim["since"],
        **tally,
        "status_the_day_before": change.before if change else claim["status"],
        "because": change.because if change else (),
    }
