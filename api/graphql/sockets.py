"""GraphQL over sockets: graphql-transport-ws, and no other protocol.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. strawberry has the
protocol; what is decided here is who asks, how silence is filled, how errors are
told, and how a socket ends when the server stops.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta
from logging import getLogger
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry import UNSET
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import PreExecutionError

from dateline.api.access import Caller, access_of, caller_of
from dateline.api.graphql.context import Context
from dateline.api.graphql.errors import TooManyOperations, refusal
from dateline.api.graphql.payloads import encode
from dateline.api.graphql.schema import Schema
from dateline.api.graphql.shared import Shared
from dateline.api.problems import RequestError
from dateline.api.services import Services

OPERATIONS = 100
"""Operations under way on one socket."""

_NO_PROTOCOL = 4406
_RESTARTING = 1012
_FAULT = 1011

log = getLogger(__name__)


class Sockets:
    """Takes sockets at one path."""

    def __init__(self, schema: Schema, services: Services) -> None:
        self._schema = schema
        self._services = services
        self._shared = Shared()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if GRAPHQL_TRANSPORT_WS_PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            reason = f"Subprotocol not acceptable: {GRAPHQL_TRANSPORT_WS_PROTOCOL} is"
            await socket.close(_NO_PROTOCOL, reason)
            return
        await socket.accept(GRAPHQL_TRANSPORT_WS_PROTOCOL)
        await _Conversation(socket, self._schema, self._services, self._shared).handle()


class _Terms:
    """What the protocol asks of a server besides executing operations."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.caller: Caller | None = None

    def encode_json(self, value: object) -> str:
        return encode(value)

    def decode_json(self, text: str) -> object:
        return orjson.loads(text)

    async def on_ws_connect(self, context: Context) -> object:
        """Learn who connects, from ``connection_init`` or else from the handshake."""
        payload = context.connection_params or {}
        given = payload.get("authorization", payload.get("Authorization"))
        access = access_of(self._scope)
        try:
            if access is not None and given is not None:
                self.caller = access.caller(str(given))
            else:
                self.caller = caller_of(self._scope)
        except RequestError:
            raise ConnectionRejectionError from None
        return UNSET


class _Conversation(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket from its first message to its last."""

    def __init__(
        self, socket: WebSocket, schema: Schema, services: Services, shared: Shared
    ) -> None:
        terms: Any = _Terms(socket.scope)
        super().__init__(
            view=terms,
            websocket=ASGIWebSocketAdapter(terms, socket, socket),
            context=Context(services),
            root_value=None,
            schema=schema,
            connection_init_wait_timeout=timedelta(
                seconds=services.settings.header_seconds
            ),
        )
        self._terms: _Terms = terms
        self._services = services
        self._shared = shared
        self._socket = socket

    async def handle_message(self, message: Any) -> None:
        """Check a message's shape, and that there is room, before it is acted on."""
        if not _is_message(message):
            await self.handle_invalid_message("Failed to parse message")
        elif message["type"] == "subscribe" and len(self.operations) >= OPERATIONS:
            error = TooManyOperations(
                f"a socket has at most {OPERATIONS} operations under way; end some"
            )
            payload = [refusal(error).formatted]
            await self.send_message(
                {"id": message["id"], "type": "error", "payload": payload}
            )
        else:
            await super().handle_message(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Execute an operation and send what it yields."""
        caller = self._terms.caller
        assert caller is not None
        context = Context(self._services, caller, self._shared, self._ping)
        try:
            results: AsyncGenerator[Any] = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.operation_name,
            )
            async with aclosing(results):
                async for result in results:
                    if isinstance(result, PreExecutionError):
                        await operation.send_initial_errors(result.errors or [])
                        return
                    await operation.send_next(result)
            if context.is_cut_off:
                await self._hang_up(_RESTARTING, "The server stops")
            else:
                await operation.send_operation_message(
                    {"id": operation.id, "type": "complete"}
                )
        except WebSocketDisconnected:
            return
        except Exception:
            if self._is_open:  # else another operation has hung up
                log.exception("an operation on a socket failed")
                await self._hang_up(_FAULT, "Internal error")

    @property
    def _is_open(self) -> bool:
        return self._socket.application_state is not WebSocketState.DISCONNECTED

    async def _hang_up(self, code: int, reason: str) -> None:
        if self._is_open:
            with suppress(WebSocketDisconnect):
                await self.websocket.close(code, reason)

    async def _ping(self, position: int) -> None:
        await self.send_message({"type": "ping", "payload": {"position": position}})


def _is_message(message: Any) -> bool:
    """Tell whether a message has the types that the protocol gives its fields."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    if not isinstance(message.get("id"), str):
        return False
    if message["type"] == "complete":
        return True
    payload = message.get("payload")
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )
