"""Each question in terms of the ledger: translate the parameters, call, nothing else.

Positions come pinned, pages with their size.
"""

from collections.abc import Mapping

from dateline.api.problems import InvalidParameter
from dateline.api.rest.parameters import (
    ChangesQuery,
    ClaimQuery,
    ExpectationsQuery,
    KnowledgeQuery,
    RecordedReading,
    RegisterQuery,
    TimelineQuery,
)
from dateline.domain.answers import (
    Changes,
    ClaimKnowledge,
    DocumentState,
    Expectations,
    Explanation,
    Positions,
    Sources,
    SourceState,
    Timeline,
    Topics,
    TopicState,
)
from dateline.ledger import Ledger

Names = Mapping[str, str]


def knowledge(ledger: Ledger, _: Names, query: KnowledgeQuery) -> bytes:
    """Ask what was known of claims."""
    return ledger.knowledge_json(
        on=query.on,
        recorded_by=query.recorded_by,
        topic=query.topic,
        policy=query.policy,
        statuses=query.status,
        first=query.first,
        after=query.after,
    )


def claim(ledger: Ledger, names: Names, query: ClaimQuery) -> ClaimKnowledge:
    """Ask what was known of one claim."""
    return ledger.claim(
        names["id"], on=query.on, recorded_by=query.recorded_by, policy=query.policy
    )


def timeline(ledger: Ledger, names: Names, query: TimelineQuery) -> Timeline:
    """Ask for a claim's spans of status."""
    return ledger.timeline(
        names["id"], recorded_by=query.recorded_by, policy=query.policy
    )


def explanation(ledger: Ledger, names: Names, query: ClaimQuery) -> Explanation:
    """Ask why a claim's status is what it is."""
    return ledger.explain(
        names["id"], on=query.on, recorded_by=query.recorded_by, policy=query.policy
    )


def changes(ledger: Ledger, _: Names, query: ChangesQuery) -> Changes:
    """Ask what differs between two points.

    Raises:
        InvalidParameter: a point is missing.
    """
    return ledger.changes(
        (_required(query.from_, "from"), query.from_recorded_by),
        (_required(query.to, "to"), query.to_recorded_by),
        topic=query.topic,
        policy=query.policy,
        first=query.first,
        cursor=query.after,
    )


def _required(point: str | None, name: str) -> str:
    if point is None:
        raise InvalidParameter(f"{name} is required, unless changes are streamed", name)
    return point


def positions(ledger: Ledger, names: Names, query: ClaimQuery) -> Positions:
    """Ask what a source held on each claim."""
    return ledger.positions(
        names["id"], on=query.on, recorded_by=query.recorded_by, policy=query.policy
    )


def expectations(ledger: Ledger, _: Names, query: ExpectationsQuery) -> Expectations:
    """Ask for the promised updates."""
    return ledger.expectations(on=query.on, recorded_by=query.recorded_by)


def sources(ledger: Ledger, _: Names, query: RegisterQuery) -> Sources:
    """Ask for the registered sources."""
    return ledger.sources(
        recorded_by=query.recorded_by, first=query.first, after=query.after
    )


def source(ledger: Ledger, names: Names, query: RecordedReading) -> SourceState:
    """Ask for one source."""
    return ledger.source(names["id"], recorded_by=query.recorded_by)


def topics(ledger: Ledger, _: Names, query: RegisterQuery) -> Topics:
    """Ask for the open topics."""
    return ledger.topics(
        recorded_by=query.recorded_by, first=query.first, after=query.after
    )


def topic(ledger: Ledger, names: Names, query: RecordedReading) -> TopicState:
    """Ask for one topic."""
    return ledger.topic(names["id"], recorded_by=query.recorded_by)


def document(ledger: Ledger, names: Names, query: RecordedReading) -> DocumentState:
    """Ask for one document."""
    return ledger.document(names["id"], recorded_by=query.recorded_by)
