"""Requests of GraphQL over HTTP, read and checked: https://graphql.github.io/graphql-over-http/.

A GET carries the parameters in its URL, a POST in a body of JSON.
"""

import time
from typing import Any, NamedTuple

import anyio
import orjson
from starlette.requests import ClientDisconnect, Request

from dateline.api.graphql.errors import InvalidRequest
from dateline.api.problems import (
    BodyTooLarge,
    MethodNotAllowed,
    RequestTimeout,
    UnsupportedMediaType,
)
from dateline.api.rest.media import JSON, content_type
from dateline.api.settings import Settings
from dateline.domain.errors import InvalidEncoding, MalformedJSON

METHODS = "GET, POST, OPTIONS"


class Asked(NamedTuple):
    """The parameters of a request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


async def read_request(request: Request, settings: Settings) -> Asked:
    """Return the parameters of a request.

    Raises:
        RequestError. MalformedJSON. InvalidEncoding.
    """
    if request.method == "GET":
        return _asked(_from_url(request))
    if request.method != "POST":
        raise MethodNotAllowed("GraphQL is asked by GET or POST", {"Allow": METHODS})
    _check_type(request)
    return _asked(decoded(await _body(request, settings)))


def _from_url(request: Request) -> dict[str, Any]:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = decoded(parameters[name].encode())
        else:
            parameters.pop(name, None)
    return parameters


def _check_type(request: Request) -> None:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    name, charset = content_type(request.headers.get("content-type", ""))
    if coding not in ("", "identity") or name != JSON or charset not in _UTF8:
        raise UnsupportedMediaType(
            f"the body of a GraphQL request is {JSON}, in UTF-8 and without a coding",
            {"Accept-Post": JSON},
        )


_UTF8 = ("utf-8", "utf8")


async def _body(request: Request, settings: Settings) -> bytes:
    """Return the whole body, if it is not too large and arrives in time."""
    limit, parts, taken = settings.max_body_bytes, [], 0
    until = time.monotonic() + settings.body_seconds
    is_ended = False
    while not is_ended:
        with anyio.move_on_after(until - time.monotonic()) as scope:
            message = await request.receive()
        if scope.cancelled_caught:
            raise RequestTimeout(
                f"the body did not arrive within {settings.body_seconds:g} s",
                {"Connection": "close"},
            )
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        taken += len(parts[-1])
        is_ended = not message.get("more_body", False)
        if taken > limit:
            raise BodyTooLarge(
                f"a body has at most {limit:,} bytes here", {"Connection": "close"}
            )
    return b"".join(parts)


def decoded(raw: bytes) -> Any:
    """Return what JSON stands for.

    Raises:
        MalformedJSON. InvalidEncoding.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError as malformed:
            raise InvalidEncoding(f"byte {malformed.start + 1} is not UTF-8") from None
        raise MalformedJSON(
            f"not JSON ({error.msg} at character {error.pos + 1})"
        ) from None


def _asked(given: Any) -> Asked:
    if isinstance(given, list):
        raise InvalidRequest("a request is one operation; send several one by one")
    if not isinstance(given, dict):
        raise InvalidRequest("a request is a JSON object with a query")
    query = given.get("query")
    if not isinstance(query, str) or not query:
        raise InvalidRequest("query is required: the document, a string")
    for name, kind, noun in _PARAMETERS:
        if not isinstance(given.get(name), kind | None):
            raise InvalidRequest(f"{name} is {noun}, or left out")
    return Asked(
        query,
        given.get("variables"),
        given.get("operationName"),
        given.get("extensions"),
    )


_PARAMETERS: tuple[tuple[str, type, str], ...] = (
    ("variables", dict, "an object"),
    ("operationName", str, "a string"),
    ("extensions", dict, "an object"),
)
