"""What the resolvers of one operation share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import strawberry

from dateline.api.access import ANYONE, Caller
from dateline.api.graphql.loaders import Loaders
from dateline.api.graphql.shared import Shared
from dateline.api.services import Services


async def _nobody_listens(position: int) -> None:
    pass


@dataclass
class Context:
    """The ledger as a server asks it, who asks, and what is looked up in batches.

    Attributes:
        shared: what the readers of feeds share.
        alive: told the head when a subscription had nothing to deliver for a while.
        connection_params: what a socket's ``connection_init`` brought.
        plans: how the lists of the document are completed; see ``leaves``.
        is_cut_off: whether the server ended the subscription, and not its client.
    """

    services: Services
    caller: Caller = ANYONE
    shared: Shared = field(default_factory=Shared)
    alive: Callable[[int], Awaitable[None]] = _nobody_listens
    connection_params: dict[str, Any] | None = None
    plans: dict[tuple[int, ...], Callable[[Any], Any] | None] = field(
        default_factory=dict
    )
    is_cut_off: bool = False
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.services.ask)

    @property
    def seconds(self) -> float:
        """How long a query may take."""
        return self.services.settings.request_seconds


Info = strawberry.Info[Context, None]
