"""The day view: what was known of a topic at a point, and what had just changed.

What calls for attention comes first: claims in the order of their statuses, and among
them those that changed since the day before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

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
    Change,
    ExpectationState,
    as_json,
)
from dateline.domain.recorded import Recorded
from dateline.domain.rule import Policy
from dateline.domain.times import LAST, Zone, instant_of, read_instant
from dateline.ledger import Ledger, status_named

CLAIMS_AT_ONCE = 100
"""Claims on a page: more would be slow on a phone, and nobody reads them all."""

REASONS_AT_ONCE = 5
"""Events behind a change that are told; the claim's page has them all."""

_DAY = timedelta(days=1)


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the last day on which something became known; today, if none is."""
    topic = visit.names["topic"]
    found = _calendar(ledger, kept, topic, position, visit.policy).days
    return found[-1].day if found else today(ledger)


def today(ledger: Ledger) -> str:
    """Return today, in the ledger's zone."""
    return Zone(ledger.timezone).day(instant_of(datetime.now(UTC)))


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
        (_before(day), position), (scene.on, position), topic=id, policy=scene.policy
    )
    changed = {change.id: change for change in changes.changes}
    promised = _promised(scene, id)
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
            "before": _before(day),
            "reasons": {
                claim["id"]: _reasons(scene, changed[claim["id"]])
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


def day_of(ledger: Ledger, on: str) -> str:
    """Return the day that a point of public time falls on, in the ledger's zone."""
    return Zone(ledger.timezone).day(read_instant(on)) if "T" in on else on


def _before(day: str) -> str:
    """Return the day before; of the first day there is, the day itself."""
    at = date.fromisoformat(day)
    return (at - _DAY).isoformat() if at > date.min else day


def _promised(scene: Scene, topic: str) -> list[ExpectationState]:
    """Return the promised updates on claims of the topic."""
    found = scene.ledger.expectations(on=scene.on, recorded_by=scene.position)
    return [
        one
        for one in found.expectations
        if any(
            topic
            in scene.ledger.claim(claim, on=scene.on, recorded_by=scene.position).topics
            for claim in one.claims
        )
    ]


def _due_days(ledger: Ledger, promised: Sequence[ExpectationState]) -> list[str]:
    """Return the days on which promises lapse unless they are fulfilled."""
    zone = Zone(ledger.timezone)
    ends = (zone.period(one.due).latest for one in promised)
    return [zone.day(min(end + 1, LAST)) for end in ends]


def _wanted(
    scene: Scene, claims: list[dict[str, Any]], changed: Mapping[str, Change]
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


def _reasons(scene: Scene, change: Change) -> list[Recorded]:
    """Return the first events that made a change."""
    return scene.names.events(change.because[:REASONS_AT_ONCE])


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
    scene: Scene, claim: dict[str, Any], changed: Mapping[str, Change]
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
        "status_the_day_before": change.before.status if change else claim["status"],
        "because": change.because if change else (),
    }
