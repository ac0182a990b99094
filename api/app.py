"""One ASGI application over one ledger: REST, GraphQL, feeds, the page, operations.

It may be mounted anywhere in another program, needs no lifespan of its own, and
starts nothing before the first reader of a feed.
"""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route, WebSocketRoute

from dateline.api import operations, problems
from dateline.api.access import Access
from dateline.api.graphql.app import graphql_app
from dateline.api.hub import Hub
from dateline.api.logs import named
from dateline.api.metrics import Metrics
from dateline.api.middleware import middleware
from dateline.api.page import routes as page
from dateline.api.replica import Replica
from dateline.api.rest import routes as rest
from dateline.api.services import Services
from dateline.api.settings import Settings
from dateline.domain.errors import DatelineError
from dateline.ledger import Ledger

if TYPE_CHECKING:
    from dateline.projections.jetstream.feed import JetStreamFeed


def create_app(ledger: Ledger, settings: Settings | None = None) -> Starlette:
    """Return the application that serves a ledger.

    Args:
        ledger: stays the caller's to close, after the application has ended.
        settings: default: from the environment.

    Raises:
        DatelineError: the replica that is set is none of the ledger.
    """
    settings = settings or Settings()
    replica = None
    if settings.replica is not None:
        replica = Replica(settings.replica, ledger.identity)
    feed = None if settings.feed is None else _jetstream(ledger, settings.feed)
    hub = Hub(
        ledger,
        heartbeat_seconds=settings.heartbeat_seconds,
        ring_events=settings.ring_events,
        feed=feed,
    )
    services = Services(ledger, settings, hub, feed, replica)
    access, metrics = Access(settings), Metrics(services)
    graphql = graphql_app(services)
    app = Starlette(
        routes=named(
            [
                *rest.routes(services),
                *operations.routes(services, metrics),
                Route("/graphql", graphql),
                WebSocketRoute("/graphql", graphql),
                *page.routes(services),
            ]
        ),
        middleware=middleware(access, metrics, settings),
        exception_handlers={
            DatelineError: problems.on_dateline_error,
            HTTPException: page.where_nothing_is(services),
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return app


def _jetstream(ledger: Ledger, url: str) -> "JetStreamFeed":
    """Return the feed of a ledger's stream.

    Raises:
        MissingExtra: the client of NATS is not installed. InvalidFeed: the URL.
    """
    from dateline.projections.jetstream.feed import JetStreamFeed

    return JetStreamFeed.at(url, ledger.feed, ledger.identity)
