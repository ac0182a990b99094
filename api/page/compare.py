"""Two points side by side: what differs between them, and because of which events."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from dateline.api.page.days import day_before, day_of, today
from dateline.api.page.kept import Kept
from dateline.api.page.pictures.transitions import Transitions, transitions_of
from dateline.api.page.views import CSV, JSON, Scene, Shown
from dateline.api.page.visit import Visit
from dateline.domain.answers import Change, as_json
from dateline.domain.errors import UnknownTopic
from dateline.domain.recorded import Recorded
from dateline.domain.rule import Status
from dateline.ledger import Ledger
from dateline.names import Names
from dateline.points import RecordPoint

POINTS = (("to", "to_recorded_by"), ("from", "from_recorded_by"))
"""The parameters of both points; the first is the one that is looked from."""

CHANGES_AT_ONCE = 50

REASONS_AT_ONCE = 10
"""Events behind a change that are told; its data has them all."""

MOST_TOPICS = 200
"""Topics that can be chosen; others can be given in the URL."""


class Side(NamedTuple):
    """One of the points, and what the claims added up to there.

    Attributes:
        statuses: of the claims that are reported there, by id.
    """

    on: str
    moment: RecordPoint
    statuses: Mapping[str, Status]

    @property
    def counts(self) -> Mapping[Status, int]:
        return Counter(self.statuses.values())


class Difference(NamedTuple):
    """In what one list of a tally differs: the words for it, and the sources."""

    words: str
    sources: Sequence[str]


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return the day that is looked from, today unless links carry one; then the
    day before it.

    Raises:
        InvalidTime: the later one is no point of public time.
    """
    to = visit.given.get("to")
    if to is None:
        return visit.given.get("on") or today(ledger)
    return day_before(day_of(ledger, to))


def show(scene: Scene) -> Shown:
    """Show what differs."""
    ledger, given = scene.ledger, scene.visit.given
    topic = given.get("topic")
    is_whole = given.get("format") in (CSV, JSON)
    before = given["from"], int(given["from_recorded_by"])
    found = ledger.changes(
        before,
        (scene.on, scene.position),
        topic=topic,
        policy=scene.policy,
        first=None if is_whole else CHANGES_AT_ONCE,
        cursor=given.get("after"),
    )
    sides = _side(scene, *before, topic), _side(scene, scene.on, scene.position, topic)
    first, last = (day_of(ledger, side.on) for side in sides)
    names = Names(ledger, max(side.moment.position for side in sides))
    return Shown(
        title=f"From {first} to {last}",
        name="-".join((topic or "ledger", first, "to", last)),
        template="compare.html",
        picture="pictures/compare.svg",
        values={
            "sides": sides,
            "topic": None if topic is None else _title(ledger, topic, sides),
            "topics": _topics(ledger, sides),
            "known": names,
            "changes": [
                (change, differences(change), _reasons(names, change))
                for change in found.changes
                if not is_whole
            ],
            "next": found.next,
            "is_first": "after" not in given,
            "transitions": _transitions(*sides),
        },
        data=as_json(found),
        rows=[_row(scene, before, change) for change in found.changes],
    )


def _side(scene: Scene, on: str, position: int, topic: str | None) -> Side:
    """Return what there was at a point; nothing, where the topic was not open yet."""
    ledger = scene.ledger
    moment = ledger.resolve(position)
    try:
        known = ledger.knowledge_json(
            on=on, recorded_by=position, topic=topic, policy=scene.policy
        )
    except UnknownTopic:
        return Side(on, moment, {})
    claims = orjson.loads(known)["claims"]
    return Side(on, moment, {one["id"]: Status(one["status"]) for one in claims})


def _transitions(before: Side, after: Side) -> Transitions:
    claims = before.statuses.keys() | after.statuses.keys()
    unreported = Status.UNREPORTED
    return transitions_of(
        Counter(
            (
                before.statuses.get(claim, unreported),
                after.statuses.get(claim, unreported),
            )
            for claim in claims
        )
    )


def _title(ledger: Ledger, topic: str, sides: Sequence[Side]) -> str:
    last = max(side.moment.position for side in sides)
    return ledger.topic(topic, recorded_by=last).title


def _topics(ledger: Ledger, sides: Sequence[Side]) -> list[tuple[str, str]]:
    last = max(side.moment.position for side in sides)
    found = ledger.topics(recorded_by=last, first=MOST_TOPICS).topics
    return [(topic.id, topic.title) for topic in found]


_TAKEN = {
    "for_": ("Now for", "No longer for"),
    "against": ("Now against", "No longer against"),
    "confirmed_by": ("Now verified by", "No longer verified by"),
    "refuted_by": ("Now refuted by", "No longer refuted by"),
    "withheld_by": ("Now cannot confirm", "No longer withholds"),
    "retracted_by": ("Took it back", "No longer takes it back"),
}
"""What is said of a source that comes to a list of a tally, and leaves it."""


def differences(change: Change) -> list[Difference]:
    """Say in what two tallies differ, list by list."""
    before, after = change.before.tally, change.after.tally
    found = []
    for name, (came, left) in _TAKEN.items():
        was, now = getattr(before, name), getattr(after, name)
        for words, here, there in ((came, now, was), (left, was, now)):
            sources = [source for source in here if source not in there]
            if sources:
                found.append(Difference(words, sources))
    return found


def _reasons(names: Names, change: Change) -> list[Recorded]:
    return names.events(change.because[:REASONS_AT_ONCE])


def _row(scene: Scene, before: tuple[str, int], change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {
        "from": before[0],
        "from_position": before[1],
        "to": scene.on,
        "to_position": scene.position,
        "claim": change.id,
        "text": change.text,
    }
    for name in ("status", "flags"):
        row[f"{name}_before"] = getattr(change.before, name)
        row[f"{name}_after"] = getattr(change.after, name)
    tallies = as_json(change.before.tally), as_json(change.after.tally)
    for name in tallies[0]:
        row[f"{name}_before"], row[f"{name}_after"] = (one[name] for one in tallies)
    return {**row, "because": change.because}
