"""GraphQL over HTTP: one answer in JSON, or results streamed as the caller accepts."""

import re

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from dateline.api.access import caller_of
from dateline.api.graphql import ide
from dateline.api.graphql.context import Context
from dateline.api.graphql.errors import DocumentError
from dateline.api.graphql.payloads import (
    Payload,
    is_refused,
    payload_of,
    payload_of_error,
)
from dateline.api.graphql.requests import METHODS, Asked, read_request
from dateline.api.graphql.schema import Schema
from dateline.api.graphql.shared import Shared
from dateline.api.graphql.streams import MULTIPART, SSE, framed
from dateline.api.problems import respond, status_of
from dateline.api.rest.media import EVENT_STREAM, JSON, accepted
from dateline.api.services import Services
from dateline.domain.errors import DatelineError

GRAPHQL_JSON = "application/graphql-response+json"

_OFFERED = (JSON, GRAPHQL_JSON, EVENT_STREAM)
_MULTIPART = re.compile(
    r"multipart/mixed\b[^,]*;\s*subscriptionspec\s*=\s*\"?1\.", re.I
)
_SAFE = frozenset((OperationType.QUERY,))
_ALL = frozenset((OperationType.QUERY, OperationType.MUTATION))
_STREAMED = frozenset((OperationType.SUBSCRIPTION,))


class OverHTTP:
    """Answers requests at one path."""

    def __init__(self, schema: Schema, services: Services) -> None:
        self._schema = schema
        self._services = services
        self._shared = Shared()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        media_type = JSON
        try:
            if request.method == "OPTIONS":
                response = Response(status_code=204, headers={"Allow": METHODS})
            elif self._services.settings.ide and ide.is_browser(request):
                response = ide.page()
            else:
                transport = _transport(request)
                if transport is None:
                    media_type = accepted(request.headers.getlist("accept"), _OFFERED)
                asked = await read_request(request)
                context = Context(self._services, caller_of(scope), self._shared)
                if transport is None:
                    response = await self._answer(request, asked, context, media_type)
                else:
                    response = await self._stream(request, asked, context, transport)
        except DatelineError as error:
            response = _refuse(error, media_type)
        except ClientDisconnect:
            return
        response.headers.setdefault("Vary", "Accept")
        await response(scope, receive, send)

    async def _answer(
        self, request: Request, asked: Asked, context: Context, media_type: str
    ) -> Response:
        result = await self._schema.execute(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
            allowed_operation_types=_SAFE if request.method == "GET" else _ALL,
        )
        return _respond(result, media_type)

    async def _stream(
        self,
        request: Request,
        asked: Asked,
        context: Context,
        transport: HTTPStreamTransport,
    ) -> Response:
        allowed = _SAFE if request.method == "GET" else _ALL
        results = await self._schema.stream(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
            allowed_operation_types=allowed | _STREAMED,
        )
        return StreamingResponse(
            framed(results, transport, context), headers=dict(transport.headers)
        )


def _transport(request: Request) -> HTTPStreamTransport | None:
    """Return how the caller wants results to be streamed, if so."""
    accept = request.headers.getlist("accept")
    if any(_MULTIPART.search(header) for header in accept):
        return MULTIPART
    return SSE if accepted(accept, _OFFERED) == EVENT_STREAM else None


def _respond(result: ExecutionResult, media_type: str) -> Response:
    status, headers = 200, {}
    if is_refused(result):
        assert result.errors
        reason = result.errors[0].original_error
        assert isinstance(reason, DatelineError)
        if media_type != JSON or not isinstance(reason, DocumentError):
            status, headers = status_of(reason), headers_of(reason)
    return _response(payload_of(result), media_type, status, headers)


def _refuse(error: DatelineError, media_type: str) -> Response:
    return _response(
        payload_of_error(error), media_type, status_of(error), headers_of(error)
    )


def headers_of(error: DatelineError) -> dict[str, str]:
    """Return the headers that go with an error, the same as in REST."""
    headers = respond(error).headers
    return {
        name: value
        for name, value in headers.items()
        if name not in ("content-type", "content-length")
    }


def _response(
    payload: Payload, media_type: str, status: int, headers: dict[str, str]
) -> Response:
    return Response(
        orjson.dumps(payload),
        status,
        {"Cache-Control": "no-store", **headers},
        media_type=f"{media_type}; charset=utf-8",
    )
