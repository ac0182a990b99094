"""The fields of Query: check what is asked, ask it in a thread, hand the answer on."""

from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import strawberry

from dateline.api.access import Scope
from dateline.api.graphql import questions
from dateline.api.graphql.arguments import (
    After,
    ClaimId,
    First,
    From,
    NamedId,
    On,
    Policy,
    RecordedBy,
    SourceId,
    Statuses,
    To,
    TopicId,
    without_null_defaults,
)
from dateline.api.graphql.connections import (
    ChangeConnection,
    EventConnection,
    Knowledge,
    Page,
    SourceConnection,
    TopicConnection,
)
from dateline.api.graphql.context import Info
from dateline.api.graphql.inputs import EventFilter, PointInput, as_filter, as_policy
from dateline.api.graphql.limits import PAGE
from dateline.api.graphql.questions import Paging, Point
from dateline.api.graphql.types import (
    ClaimKnowledge,
    Document,
    Expectations,
    Explanation,
    Ledger,
    Positions,
    Source,
    Timeline,
    Topic,
    told,
)
from dateline.domain.errors import InvalidQuestion
from dateline.ledger import Ledger as Library
from dateline.projections.feed import Told

P = ParamSpec("P")
T = TypeVar("T")


def _checked(info: Info) -> None:
    info.context.caller.check(Scope.READ)


async def _ask(
    info: Info,
    question: Callable[Concatenate[Library, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    _checked(info)
    return await info.context.services.ask(question, *args, **kwargs)


def _paging(info: Info, first: int | None, after: str | None) -> Paging:
    """Check how many entries are asked for.

    Raises:
        InvalidQuestion: none, or more than a page holds.
    """
    most = info.context.services.settings.max_first
    first = min(PAGE, most) if first in (None, PAGE) else first
    if not 1 <= first <= most:
        raise InvalidQuestion(
            f"first is {first}; it is at least 1 and at most {most}", "first"
        )
    return Paging(first, after)


def _point(point: PointInput) -> Point:
    return point.on, point.recorded_by or None


async def knowledge(
    info: Info,
    on: On,
    recorded_by: RecordedBy = None,
    topic: TopicId = None,
    statuses: Statuses = None,
    policy: Policy = None,
    first: First = PAGE,
    after: After = None,
) -> Any:
    """Return what was known at a point."""
    return await _ask(
        info,
        questions.knowledge,
        (on, recorded_by),
        topic,
        statuses,
        as_policy(policy),
        _paging(info, first, after),
    )


async def claim(
    info: Info,
    id: ClaimId,
    on: On,
    recorded_by: RecordedBy = None,
    policy: Policy = None,
) -> Any:
    """Return one claim's state of knowledge."""
    point = on, recorded_by
    return await _ask(info, questions.claim, id, point, as_policy(policy))


async def timeline(
    info: Info, claim: ClaimId, recorded_by: RecordedBy = None, policy: Policy = None
) -> Any:
    """Return a claim's spans of status."""
    return await _ask(info, questions.timeline, claim, recorded_by, as_policy(policy))


async def changes(
    info: Info,
    from_: From,
    to: To,
    topic: TopicId = None,
    policy: Policy = None,
    first: First = PAGE,
    after: After = None,
) -> Any:
    """Return how claims differ between two points."""
    return await _ask(
        info,
        questions.changes,
        _point(from_),
        _point(to),
        topic,
        as_policy(policy),
        _paging(info, first, after),
    )


async def explanation(
    info: Info,
    claim: ClaimId,
    on: On,
    recorded_by: RecordedBy = None,
    policy: Policy = None,
) -> Any:
    """Return why a claim's status is what it is."""
    point = on, recorded_by
    return await _ask(info, questions.explanation, claim, point, as_policy(policy))


async def positions(
    info: Info,
    source: SourceId,
    on: On,
    recorded_by: RecordedBy = None,
    policy: Policy = None,
) -> Any:
    """Return what a source held on each claim."""
    point = on, recorded_by
    return await _ask(info, questions.positions, source, point, as_policy(policy))


async def expectations(info: Info, on: On, recorded_by: RecordedBy = None) -> Any:
    """Return the promised updates at a point."""
    return await _ask(info, questions.expectations, (on, recorded_by))


async def ledger(info: Info) -> Any:
    """Return what is fixed about the ledger, and where its log ends.

    The ledger itself says so, whatever a replica has of it.
    """
    _checked(info)
    return await info.context.services.ask_primary(questions.described)


async def source(info: Info, id: NamedId, recorded_by: RecordedBy = None) -> Any:
    """Return a source."""
    return await _ask(info, questions.registered, Library.source, id, recorded_by)


async def topic(info: Info, id: NamedId, recorded_by: RecordedBy = None) -> Any:
    """Return a topic."""
    return await _ask(info, questions.registered, Library.topic, id, recorded_by)


async def document(info: Info, id: NamedId, recorded_by: RecordedBy = None) -> Any:
    """Return a document."""
    return await _ask(info, questions.registered, Library.document, id, recorded_by)


async def sources(
    info: Info,
    recorded_by: RecordedBy = None,
    first: First = PAGE,
    after: After = None,
) -> Any:
    """Return the registered sources."""
    return await _ask(
        info,
        questions.register,
        "sources",
        Library.sources,
        recorded_by,
        _paging(info, first, after),
    )


async def topics(
    info: Info,
    recorded_by: RecordedBy = None,
    first: First = PAGE,
    after: After = None,
) -> Any:
    """Return the open topics."""
    return await _ask(
        info,
        questions.register,
        "topics",
        Library.topics,
        recorded_by,
        _paging(info, first, after),
    )


async def events(
    info: Info,
    after: Annotated[
        str | None,
        strawberry.argument(
            description="The cursor of the event that the page goes on after, or a "
            "position; default: the beginning."
        ),
    ] = None,
    first: First = PAGE,
    filter: Annotated[
        EventFilter | None, strawberry.argument(description="Which events are wanted.")
    ] = None,
) -> Any:
    """Return a page of the log: stretch by stretch, so that it can be given up."""
    paging = _paging(info, first, after)
    wanted = await _ask(info, questions.wanted, paging.after, as_filter(filter))
    found: list[Told] = []
    reached = wanted.place.mark
    while reached.position < wanted.upto and len(found) <= paging.first:
        page = await _ask(info, questions.stretch, wanted, reached)
        found += page.told
        reached = page.reached
    entries = [told.entry for told in found[: paging.first]]
    marks = {entry.position: entry.mark for entry in entries}
    services = info.context.services
    return Page(
        nodes=await services.ask_primary(questions.told, entries),
        cursor=lambda node: services.ledger.cursor(marks[node.position]),
        has_next=len(found) > paging.first,
        has_previous=wanted.place.position > 0,
    )


@strawberry.type(description="What can be asked of the ledger.")
class Query:
    knowledge: Knowledge = told("What was known on a date, by whom.", knowledge)
    claim: ClaimKnowledge = told(
        "One claim's state of knowledge, also while it is unreported.", claim
    )
    timeline: Timeline = told(
        "A claim's spans of status over all of public time.", timeline
    )
    changes: ChangeConnection = told(
        "How claims differ between two points, and because of which events.", changes
    )
    explanation: Explanation = told(
        "Why a claim's status is what it is: standings, origins, the line of the rule.",
        explanation,
    )
    positions: Positions = told("What a source held on each claim.", positions)
    expectations: Expectations = told(
        "The promised updates: open, fulfilled or lapsed.", expectations
    )
    events: EventConnection = told("The log, by position.", events)
    ledger: Ledger = told("The ledger, and where its log ends.", ledger)
    source: Source = told("A source, corrections included.", source)
    sources: SourceConnection = told("The registered sources, by id.", sources)
    topic: Topic = told("A topic.", topic)
    topics: TopicConnection = told("The open topics, by id.", topics)
    document: Document = told("A document, corrections included.", document)


without_null_defaults(Query)
