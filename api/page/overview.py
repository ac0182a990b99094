"""The topics of a ledger, and what their claims come to at a point."""

from collections.abc import Mapping

from dateline.api.page.pictures.counts import bars_of
from dateline.api.page.views import Scene, Shown
from dateline.domain.answers import as_json
from dateline.domain.rule import Status

TOPICS_AT_ONCE = 50


def show(scene: Scene) -> Shown:
    """Show the topics."""
    ledger, position = scene.ledger, scene.position
    page = ledger.topics(
        recorded_by=position,
        first=TOPICS_AT_ONCE,
        after=scene.visit.given.get("after"),
    )
    entries = []
    for topic in page.topics:
        known = ledger.knowledge(
            on=scene.on,
            recorded_by=position,
            topic=topic.id,
            policy=scene.policy,
            first=1,
        )
        entries.append((topic, known.counts))
    return Shown(
        title=ledger.title,
        name="topics",
        template="overview.html",
        picture="pictures/counts.svg",
        values={
            "topics": entries,
            "glance": bars_of(
                "Claims of each topic by status",
                [(topic.title, counts) for topic, counts in entries],
            ),
            "next": page.next,
        },
        data={
            "on": scene.on,
            "topics": [
                {
                    **as_json(topic),
                    "counts": {one.value: n for one, n in counts.items()},
                }
                for topic, counts in entries
            ],
            "basis": as_json(page.basis),
            "next": page.next,
        },
        rows=[
            {"topic": topic.id, "title": topic.title, **_filled(counts)}
            for topic, counts in entries
        ],
    )


def _filled(counts: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: counts.get(status, 0) for status in Status}
