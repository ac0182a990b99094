"""Each question put to the library, and its answer as the schema reads it.

Everything here is synchronous and runs in a thread.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import orjson

from dateline.api.graphql.answered import Answered, Basis
from dateline.api.graphql.connections import Known, Page
from dateline.api.graphql.loaders import flat
from dateline.api.hub import Changed
from dateline.cursors import EntryCursors, Place
from dateline.domain import answers
from dateline.domain.answers import as_json
from dateline.domain.recorded import LogEntry, Mark
from dateline.domain.rule import Policy
from dateline.ledger import Ledger, parse_policy
from dateline.projections.codec import CODEC
from dateline.projections.feed import EventFilter
from dateline.projections.feed import Page as FeedPage

Point = tuple[str, str | None]
"""Public time and record time, as asked."""

GivenPolicy = dict[str, Any] | None


class Paging(NamedTuple):
    """How many entries are asked for, and after which."""

    first: int
    after: str | None


def read_policy(given: GivenPolicy) -> Policy:
    return parse_policy(None if given is None else orjson.dumps(given))


def _answered(answer: answers.Answer) -> Answered:
    json = as_json(answer)
    return Answered(json, json["basis"])


def _page(
    entries: list[dict[str, Any]],
    basis: Basis,
    cursors: EntryCursors,
    paging: Paging,
    following: str | None,
    bases: tuple[Basis, ...] = (),
) -> Page:
    return Page(
        nodes=[Answered(entry, basis) for entry in entries],
        cursor=lambda node: cursors.after(node.json["id"]),
        has_next=following is not None,
        has_previous=paging.after is not None,
        bases=bases,
    )


def knowledge(
    ledger: Ledger,
    point: Point,
    topic: str | None,
    statuses: Collection[str] | None,
    policy: GivenPolicy,
    paging: Paging,
) -> Known:
    """Return what was known at a point."""
    on, recorded_by = point
    json = orjson.loads(
        ledger.knowledge_json(
            on=on,
            recorded_by=recorded_by,
            topic=topic,
            policy=read_policy(policy),
            statuses=statuses,
            first=paging.first,
            after=paging.after,
        )
    )
    basis: Basis = json["basis"]
    cursors = ledger.knowledge_cursors(
        answers.Basis.model_validate(basis), topic=topic, statuses=statuses
    )
    page = _page(json["claims"], basis, cursors, paging, json["next"])
    return Known(json, basis, page)


def claim(ledger: Ledger, id: str, point: Point, policy: GivenPolicy) -> Answered:
    """Return one claim's state of knowledge."""
    on, recorded_by = point
    return _answered(
        ledger.claim(id, on=on, recorded_by=recorded_by, policy=read_policy(policy))
    )


def timeline(
    ledger: Ledger, id: str, recorded_by: str | None, policy: GivenPolicy
) -> Answered:
    """Return a claim's spans of status."""
    return _answered(
        ledger.timeline(id, recorded_by=recorded_by, policy=read_policy(policy))
    )


def changes(
    ledger: Ledger,
    before: Point,
    after: Point,
    topic: str | None,
    policy: GivenPolicy,
    paging: Paging,
) -> Page:
    """Return how claims differ between two points."""
    answer = ledger.changes(
        before,
        after,
        topic=topic,
        policy=read_policy(policy),
        first=paging.first,
        cursor=paging.after,
    )
    json = as_json(answer)
    cursors = ledger.changes_cursors(answer.from_, answer.to, topic=topic)
    bases = json["from"], json["to"]
    return _page(json["changes"], json["to"], cursors, paging, json["next"], bases)


def explanation(ledger: Ledger, id: str, point: Point, policy: GivenPolicy) -> Answered:
    """Return why a claim's status is what it is."""
    on, recorded_by = point
    return _answered(
        ledger.explain(id, on=on, recorded_by=recorded_by, policy=read_policy(policy))
    )


def positions(
    ledger: Ledger, source: str, point: Point, policy: GivenPolicy
) -> Answered:
    """Return what a source held on each claim."""
    on, recorded_by = point
    return _answered(
        ledger.positions(
            source, on=on, recorded_by=recorded_by, policy=read_policy(policy)
        )
    )


def expectations(ledger: Ledger, point: Point) -> Answered:
    """Return the promised updates at a point."""
    on, recorded_by = point
    return _answered(ledger.expectations(on=on, recorded_by=recorded_by))


def described(ledger: Ledger) -> Answered:
    """Return what is fixed about the ledger, and where its log ends."""
    json = as_json(ledger.describe())
    return Answered(json, json)


def registered(
    ledger: Ledger,
    find: Callable[..., answers.Answer],
    id: str,
    recorded_by: str | None,
) -> Answered:
    """Return one entry of a register, and all it names, as of one position."""
    position = ledger.resolve(recorded_by).position
    return Answered(
        as_json(find(ledger, id, recorded_by=position)), {"position": position}
    )


def register(
    ledger: Ledger,
    name: str,
    read: Callable[..., answers.Sources | answers.Topics],
    recorded_by: str | None,
    paging: Paging,
) -> Page:
    """Return a page of a register."""
    answer = read(
        ledger, recorded_by=recorded_by, first=paging.first, after=paging.after
    )
    json = as_json(answer)
    cursors = ledger.register_cursors(name, answer.basis)
    return _page(json[name], json["basis"], cursors, paging, json["next"])


class Wanted(NamedTuple):
    """Which events are asked for: after one place, up to a position."""

    filter: EventFilter
    place: Place
    upto: int


def wanted(ledger: Ledger, after: str | None, filter: dict[str, Any]) -> Wanted:
    """Read which events are asked for; names must be in the ledger at the head."""
    events = ledger.event_filter(**filter)
    place = ledger.place(0 if after is None else after)
    return Wanted(events, place, ledger.position)


def stretch(ledger: Ledger, wanted: Wanted, after: Mark) -> FeedPage:
    """Return the wanted events of the next stretch."""
    return ledger.feed.page(wanted.filter, after=after, upto=wanted.upto)


def told(_: Ledger, entries: Iterable[LogEntry]) -> list[Answered]:
    """Return events; what they name is as it stood when they were recorded."""
    return [event(entry) for entry in entries]


def event(entry: LogEntry) -> Answered:
    """Return an event; what it names is as it stood when it was recorded."""
    return Answered(flat(CODEC.decode(entry)), {"position": entry.position})


def change(changed: Changed) -> Answered:
    """Return a change; what it names is as it stood at its position."""
    return Answered(as_json(changed.change), {"position": changed.position})
