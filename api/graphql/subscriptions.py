"""The fields of Subscription: feeds that catch up, then follow, with nothing lost.

Each delivery brings the cursor to go on from. A feed ends only when the server stops;
how a client is told depends on the transport.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, NamedTuple

import strawberry

from dateline.api.access import Scope
from dateline.api.graphql import questions
from dateline.api.graphql.answered import Answered
from dateline.api.graphql.arguments import Policy, without_null_defaults
from dateline.api.graphql.context import Context, Info
from dateline.api.graphql.inputs import EventFilter, as_filter, as_policy
from dateline.api.graphql.loaders import Loaders
from dateline.api.graphql.types import Change, Event, told
from dateline.api.hub import Heartbeat
from dateline.api.services import Services
from dateline.cursors import Place
from dateline.domain.rule import Policy as PolicyModel
from dateline.ledger import Ledger
from dateline.projections.feed import EventFilter as Wanted

From = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last delivery, or a position (`0` is the "
        "beginning); default: the head."
    ),
]


class Delivery(NamedTuple):
    """What a feed yields, and the cursor to go on from."""

    json: dict[str, Any]
    told: Answered


def told_of(root: Delivery) -> Any:
    """Return what is delivered."""
    return root.told


CURSOR = "What `after` goes on from: also after filtered stretches."


@strawberry.type(description="An event, and where its reader is when it has it.")
class EventDelivery:
    cursor: str = told(CURSOR)
    event: Event = told("The event.", told_of)


@strawberry.type(description="A change, and where its reader is when it has it.")
class ChangeDelivery:
    cursor: str = told(CURSOR)
    change: Change = told(
        "The difference between a position and the one before it, at the far end of "
        "public time.",
        told_of,
    )


async def events(
    info: Info,
    after: From = None,
    filter: Annotated[
        EventFilter | None, strawberry.argument(description="Which events are wanted.")
    ] = None,
) -> AsyncGenerator[Any]:
    """Check what is asked; return the events after a place, then those that come."""
    services = _services(info)
    wanted = await services.ask_primary(Ledger.event_filter, **as_filter(filter))
    place = await services.ask_primary(Ledger.place, after)
    return _events(info.context, wanted, place)


async def _events(
    context: Context, wanted: Wanted, place: Place
) -> AsyncGenerator[Delivery]:
    async with aclosing(context.services.hub.events(wanted, place)) as feed:
        async for one in feed:
            if isinstance(one, Heartbeat):
                await context.alive(one.head)
            else:
                event = context.shared.once(one.entry, questions.event)
                yield Delivery({"cursor": one.cursor}, event)
    context.is_cut_off = True


async def changes(
    info: Info,
    topic: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Only claims of this topic."),
    ] = None,
    policy: Policy = None,
    after: From = None,
) -> AsyncGenerator[Any]:
    """Check what is asked; return what each event changed, then what those to come do.

    The topic must be there: a feed of a misspelt one would be silent for ever.
    """
    services = _services(info)
    asked = questions.read_policy(as_policy(policy))
    await services.ask_primary(Ledger.event_filter, topic)
    place = await services.ask_primary(Ledger.place, after)
    return _changes(info.context, topic, asked, place)


async def _changes(
    context: Context, topic: str | None, policy: PolicyModel, place: Place
) -> AsyncGenerator[Delivery]:
    async with aclosing(context.services.hub.changes(topic, policy, place)) as feed:
        async for one in feed:
            if isinstance(one, Heartbeat):
                await context.alive(one.head)
            else:
                change = questions.change(one)
                yield Delivery({"cursor": one.cursor}, change)
    context.is_cut_off = True


def _services(info: Info) -> Services:
    """Return what a feed uses: the ledger itself, which has what it tells of."""
    context = info.context
    context.caller.check(Scope.READ)
    context.loaders = Loaders(context.services.ask_primary)
    return context.services


def followed(description: str, resolver: Any) -> Any:
    """Return a field of the root that has many results."""
    return strawberry.subscription(description=description, resolver=resolver)


@strawberry.type(description="Feeds: catch up from any cursor, then follow.")
class Subscription:
    events: EventDelivery = followed(
        "Events in the order of the log: no gap, nothing twice.", events
    )
    changes: ChangeDelivery = followed(
        "What each event changes about what is known, claim by claim.", changes
    )


without_null_defaults(Subscription)
