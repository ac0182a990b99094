"""GraphQL as one ASGI application at one path: HTTP and sockets."""

from starlette.types import ASGIApp, Receive, Scope, Send

from dateline.api.graphql.over_http import OverHTTP
from dateline.api.graphql.schema import schema_for
from dateline.api.graphql.sockets import Sockets
from dateline.api.services import Services


class GraphQLApp:
    """Answers GraphQL over a ledger; an object, since routes take functions apart."""

    def __init__(self, services: Services) -> None:
        schema = schema_for(services.settings)
        self._over_http = OverHTTP(schema, services)
        self._sockets = Sockets(schema, services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_socket = scope["type"] == "websocket"
        await (self._sockets if is_socket else self._over_http)(scope, receive, send)


def graphql_app(services: Services) -> ASGIApp:
    """Return the application that answers GraphQL over a ledger."""
    return GraphQLApp(services)
