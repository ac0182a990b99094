"""Requests of GraphQL over HTTP, read and checked: https://graphql.github.io/graphql-over-http/.

A GET carries the parameters in its URL, a POST in a body of JSON.
"""

from typing import Any, NamedTuple

from starlette.requests import Request

from dateline.api.graphql.errors import InvalidRequest
from dateline.api.problems import MethodNotAllowed, UnsupportedMediaType
from dateline.api.rest.bodies import decoded
from dateline.api.rest.media import JSON, content_type

METHODS = "GET, POST, OPTIONS"


class Asked(NamedTuple):
    """The parameters of a request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


async def read_request(request: Request) -> Asked:
    """Return the parameters of a request.

    Raises:
        RequestError. MalformedJSON. InvalidEncoding.
    """
    if request.method == "GET":
        return _asked(_from_url(request))
    if request.method != "POST":
        raise MethodNotAllowed("GraphQL is asked by GET or POST", {"Allow": METHODS})
    _check_type(request)
    return _asked(decoded(await request.body()))


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
