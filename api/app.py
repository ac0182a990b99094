"""One ASGI application over one ledger: REST, GraphQL, feeds, operations.

It may be mounted anywhere in another program, needs no lifespan of its own, and
starts nothing before the first reader of a feed.
"""

from starlette.applications import Starlette

from dateline.api.hub import Hub
from dateline.api.services import Services
from dateline.api.settings import Settings
from dateline.ledger import Ledger


def create_app(ledger: Ledger, settings: Settings | None = None) -> Starlette:
    """Return the application that serves a ledger.

    Args:
        ledger: stays the caller's to close, after the application has ended.
        settings: default: from the environment.
    """
    settings = settings or Settings()
    hub = Hub(
        ledger,
        heartbeat_seconds=settings.heartbeat_seconds,
        ring_events=settings.ring_events,
    )
    app = Starlette()
    app.state.services = Services(ledger, settings, hub)
    return app
