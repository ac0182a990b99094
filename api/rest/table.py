"""The table of what REST offers: it routes requests, and the document is made of it."""

from typing import Any

from pydantic import BaseModel

from dateline.api.access import Scope
from dateline.api.rest import parameters, questions
from dateline.api.rest.asking import ask, describe_ledger
from dateline.api.rest.feeds import LAST_EVENT_ID, stream_changes, stream_events
from dateline.api.rest.listing import list_events
from dateline.api.rest.media import EVENT_STREAM, JSON, NDJSON, NDJSON_TYPES
from dateline.api.rest.openapi import describe_interface
from dateline.api.rest.operations import Header, Operation, Question, Told
from dateline.api.rest.recording import record
from dateline.api.rest.schemas import (
    EVENT_LINES,
    EVENTS,
    MESSAGES,
    RESULT_LINES,
    STORED_LINES,
    ref,
)
from dateline.api.rest.signing import KEY_HEADER, KEY_LIMIT
from dateline.domain import answers

PREFIX = "/v1"

AT = ("recorded_by",)
BETWEEN = ("from_recorded_by", "to_recorded_by")

_LAST_EVENT_ID = Header(
    LAST_EVENT_ID,
    "As a stream: the id of the last message that was read. It counts more than "
    "`after`; browsers send it by themselves.",
    {"type": "string"},
)
_KEY = Header(
    KEY_HEADER,
    "Names this request. Its events without an id of their own get ids derived from "
    "it, so that sending the request again records nothing twice and is answered "
    "with the first positions. With other content it is a `conflicting_event`.",
    {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": KEY_LIMIT},
)


def _question(
    path: str,
    question: Question,
    answer: type[BaseModel],
    *,
    query: type[parameters.Query],
    points: tuple[str, ...] = AT,
    of: str | None = None,
    **more: Any,
) -> Operation:
    """Return a question that is answered in JSON at pinned positions."""
    is_page = "after" in query.model_fields
    told = Told(
        "What the ledger says.", {JSON: answer}, is_tagged=True, is_page=is_page
    )
    more = {"handlers": {JSON: ask}, "told": {200: told}, **more}
    names_something = of is not None or "topic" in query.model_fields
    return Operation(
        path=PREFIX + path,
        question=question,
        query=query,
        points=points,
        names={} if of is None else {"id": f"The {of}'s id."},
        errors=(404,) if names_something else (),
        **more,
    )


OPERATIONS = (
    _question(
        "/knowledge",
        questions.knowledge,
        answers.Knowledge,
        query=parameters.KnowledgeQuery,
        id="knowledge",
        tag="Claims",
        summary="What was known on a date",
        description="What had been said of claims by `on`, as far as it had been "
        "recorded by `recorded_by`: their statuses, who stands where, and the "
        "statements that make it so. By claim id, in pages. Unreported claims are "
        "left out.",
    ),
    _question(
        "/claims/{id}",
        questions.claim,
        answers.ClaimKnowledge,
        query=parameters.ClaimQuery,
        of="claim",
        id="claim",
        tag="Claims",
        summary="One claim's state of knowledge",
        description="What was known of one claim at a point, also while it is "
        "unreported.",
    ),
    _question(
        "/claims/{id}/timeline",
        questions.timeline,
        answers.Timeline,
        query=parameters.TimelineQuery,
        of="claim",
        id="timeline",
        tag="Claims",
        summary="A claim's status over public time",
        description="One span for each stretch of public time over which the claim's "
        "status, flags, tally and statements do not change.",
    ),
    _question(
        "/claims/{id}/explanation",
        questions.explanation,
        answers.Explanation,
        query=parameters.ClaimQuery,
        of="claim",
        id="explanation",
        tag="Claims",
        summary="Why a claim's status is what it is",
        description="Who stands where, on whose knowledge, what the rule counted, "
        "and which line of its table fired.",
    ),
    _question(
        "/changes",
        questions.changes,
        answers.Changes,
        query=parameters.ChangesQuery,
        points=BETWEEN,
        id="changes",
        tag="Claims",
        summary="What changed between two points, and why",
        description="The claims whose status, flags or tally differ between two "
        "points, and the events that make the difference. By claim id, in pages.\n\n"
        "Asked for as `text/event-stream`, it tells what each event changes as it is "
        "recorded: the difference between the position before and its own, at the "
        "far end of public time. Each message is a `change`; a `heartbeat` says how "
        "far the reader has come while nothing changes; `end` says that the server "
        "stops, and to go on from the last id. `from`, `to`, their `recorded_by` and "
        "`first` are not given then.",
        handlers={JSON: ask, EVENT_STREAM: stream_changes},
        told={
            200: Told(
                "What differs; or a stream of what changes.",
                {JSON: answers.Changes, EVENT_STREAM: MESSAGES},
                is_tagged=True,
                is_page=True,
            )
        },
        headers=(_LAST_EVENT_ID,),
    ),
    _question(
        "/expectations",
        questions.expectations,
        answers.Expectations,
        query=parameters.ExpectationsQuery,
        id="expectations",
        tag="Claims",
        summary="The updates that were promised",
        description="What somebody had promised news of, and whether it is open, "
        "fulfilled or lapsed at a point.",
    ),
    _question(
        "/sources",
        questions.sources,
        answers.Sources,
        query=parameters.RegisterQuery,
        id="sources",
        tag="Registers",
        summary="The sources",
        description="The sources registered by a position, by id, in pages.",
    ),
    _question(
        "/sources/{id}",
        questions.source,
        answers.SourceState,
        query=parameters.RecordedReading,
        of="source",
        id="source",
        tag="Registers",
        summary="One source",
        description="A source as it stands at a position, corrections included.",
    ),
    _question(
        "/sources/{id}/positions",
        questions.positions,
        answers.Positions,
        query=parameters.ClaimQuery,
        of="source",
        id="positions",
        tag="Claims",
        summary="What a source held",
        description="Where a source stood on each claim at a point, and whether it "
        "had stood elsewhere before.",
    ),
    _question(
        "/topics",
        questions.topics,
        answers.Topics,
        query=parameters.RegisterQuery,
        id="topics",
        tag="Registers",
        summary="The topics",
        description="The topics opened by a position, by id, in pages.",
    ),
    _question(
        "/topics/{id}",
        questions.topic,
        answers.TopicState,
        query=parameters.RecordedReading,
        of="topic",
        id="topic",
        tag="Registers",
        summary="One topic",
        description="A topic, if it was opened by a position.",
    ),
    _question(
        "/documents/{id}",
        questions.document,
        answers.DocumentState,
        query=parameters.RecordedReading,
        of="document",
        id="document",
        tag="Registers",
        summary="One document",
        description="A document as it stands at a position, corrections included.",
    ),
    Operation(
        path=f"{PREFIX}/events",
        id="events",
        tag="Log",
        summary="What was recorded",
        description="Events in the order of recording, each as one flat object: its "
        "type, its fields, its envelope. As JSON, in pages. As NDJSON, all up to the "
        "present head, ending in a line that says so; without that line something "
        "is missing.\n\n"
        "Asked for as `text/event-stream`, the events after a place and those to "
        "come, with no gap and nothing twice. Each message is named after the "
        "event's type; a `heartbeat` says how far the reader has come while nothing "
        "wanted is recorded; `end` says that the server stops, and to go on from the "
        "last id.",
        handlers={
            JSON: list_events,
            **dict.fromkeys(NDJSON_TYPES, list_events),
            EVENT_STREAM: stream_events,
        },
        told={
            200: Told(
                "A page of events, all of them, or a stream.",
                {
                    JSON: ref("EventPage"),
                    **dict.fromkeys(NDJSON_TYPES, STORED_LINES),
                    EVENT_STREAM: MESSAGES,
                },
                is_tagged=True,
                is_page=True,
            )
        },
        query=parameters.EventsQuery,
        headers=(_LAST_EVENT_ID,),
        errors=(404,),
    ),
    Operation(
        method="POST",
        path=f"{PREFIX}/events",
        id="record",
        tag="Log",
        summary="Record events",
        description="Records one event, an array of them, or one on each line of "
        "NDJSON, in one transaction: all of them or none. What is in force already "
        "is answered with where it stands. They are durable when this answers.\n\n"
        "NDJSON is answered with a line for each line, and one that says it ended. "
        "With `atomic=false` the good lines are recorded as they arrive, up to 1,000 "
        "in a transaction, and the bad ones are told; the status is 200 then. Read "
        "the results while sending: who does not take them in time is cut off.",
        handlers={JSON: record, **dict.fromkeys(NDJSON_TYPES, record)},
        told={
            200: Told(
                "Nothing new was recorded, or lines with `atomic=false`.",
                {JSON: answers.Receipt, NDJSON: RESULT_LINES},
            ),
            201: Told("Recorded.", {JSON: answers.Receipt, NDJSON: RESULT_LINES}),
        },
        query=parameters.RecordQuery,
        headers=(_KEY,),
        bodies={JSON: EVENTS, **dict.fromkeys(NDJSON_TYPES, EVENT_LINES)},
        errors=(408, 409, 413, 415, 422, 507),
        scope=Scope.RECORD,
    ),
    Operation(
        path=f"{PREFIX}/ledger",
        id="ledger",
        tag="Log",
        summary="The ledger",
        description="What is fixed at the ledger's opening, and where its log ends.",
        handlers={JSON: describe_ledger},
        of_primary=(JSON,),
        told={200: Told("The ledger.", {JSON: answers.LedgerState}, is_tagged=True)},
        query=parameters.Reading,
    ),
    Operation(
        path=f"{PREFIX}/openapi.json",
        id="openapi",
        tag="Service",
        summary="This document",
        description="The interface as OpenAPI 3.1, made of the table that routes it.",
        handlers={JSON: describe_interface},
        told={
            200: Told(
                "An OpenAPI document.", {JSON: {"type": "object"}}, is_tagged=True
            )
        },
    ),
)
"""All there is."""
