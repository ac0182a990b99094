"""GraphQL as one ASGI application at one path: HTTP and sockets."""

from starlette.types import ASGIApp, Receive, Scope, Send

from dateline.api.graphql.over_http import OverHTTP
from dateline.api.graphql.schema import build_schema
from dateline.api.graphql.sockets import Sockets
from dateline.api.services import Services


def graphql_app(services: Services) -> ASGIApp:
    """Return the application that answers GraphQL over a ledger."""
    schema = build_schema(services.settings)
    over_http, sockets = OverHTTP(schema, services), Sockets(schema, services)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = sockets if scope["type"] == "websocket" else over_http
        await answer(scope, receive, send)

    return app
