"""The field of Mutation: events to record, in one transaction."""

from typing import Annotated, Any

import strawberry

from dateline.api.access import Caller, Scope
from dateline.api.graphql.answered import Answered
from dateline.api.graphql.context import Info
from dateline.api.graphql.inputs import EventInput, as_event
from dateline.api.graphql.types import Receipt, told
from dateline.domain.answers import as_json
from dateline.domain.errors import DatelineError
from dateline.domain.events import AnyEvent
from dateline.ledger import command_of


def _read(events: list[EventInput], caller: Caller) -> list[AnyEvent]:
    """Return the events that are meant; the caller records what names nobody.

    Raises:
        InvalidEvent: the first that has the wrong shape, named by ``item``.
    """
    read: list[AnyEvent] = []
    for index, given in enumerate(events):
        try:
            event = as_event(given)
        except DatelineError as error:
            raise error.at(f"event {index + 1} of {len(events)}", index) from None
        if event.recorder is None and caller.name is not None:
            event = event.model_copy(update={"recorder": caller.name})
        read.append(event)
    return read


async def record(
    info: Info,
    events: Annotated[
        list[EventInput],
        strawberry.argument(description="The events, in order; at most 10,000."),
    ],
) -> Any:
    """Record events: all of them, or none."""
    context = info.context
    context.caller.check(Scope.RECORD)
    services = context.services
    command = command_of(services.ledger, _read(events, context.caller), None)
    await services.record(command)
    json = as_json(command.receipt())
    return Answered(json, json)


@strawberry.type(description="What can be done to the ledger: events are added.")
class Mutation:
    record: Receipt = told(
        "Record events in one transaction: all of them, or none. What is in force "
        "already is answered with where it stands. The events are durable when this "
        "returns.",
        record,
    )
