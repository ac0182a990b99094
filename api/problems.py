"""What went wrong, as HTTP says it: RFC 9457 problem details, and GraphQL errors.

One table maps the ledger's errors to statuses; a test asserts that it covers each.
Both interfaces give the same ``code``, sentence and values.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dateline.domain import errors
from dateline.domain.errors import DatelineError

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[DatelineError], int] = {
    errors.InvalidEvent: 422,
    errors.MalformedJSON: 400,
    errors.InvalidEncoding: 400,
    errors.LineTooLong: 413,
    errors.BatchTooLarge: 413,
    errors.ConflictingEvent: 409,
    errors.UnknownReference: 404,
    errors.InvalidQuestion: 400,
    errors.LedgerNotFound: 404,
    errors.UnsupportedStore: 500,
    errors.InvalidTarget: 500,
    errors.MissingExtra: 500,
    errors.UnsuitableServer: 500,
    errors.FolderNotFound: 500,
    errors.LedgerExists: 409,
    errors.NotALedger: 500,
    errors.NewerSchema: 500,
    errors.LedgerMismatch: 409,
    errors.LedgerFault: 500,
    errors.LedgerUnavailable: 503,
    errors.LedgerReplaced: 503,
    errors.HistoryLost: 503,
    errors.LedgerLocked: 503,
    errors.Overloaded: 503,
    errors.LedgerReadOnly: 503,
    errors.DiskFull: 507,
    errors.LedgerClosed: 503,
    errors.InvalidFeed: 500,
    errors.FeedUnavailable: 503,
}
"""HTTP statuses by class; a class that is not here has that of its nearest base.

None of these is about how a server is set: it does not run then.
"""

DENIAL = "websocket.http.response"
"""The extension by which a server lets the opening of a socket be answered."""

RETRY_AFTER_SECONDS = 1
"""What a client that was put off (429, 503) is told, unless somebody knows better."""


class RequestError(DatelineError):
    """A request that no ledger was asked about: what HTTP itself refuses."""

    code: ClassVar[str] = "bad_request"

    status: ClassVar[int] = 400

    def __init__(self, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.headers = dict(headers or {})


class InvalidParameter(RequestError):
    """A parameter that there is not, or a value that it may not have."""

    code = "invalid_argument"

    def __init__(self, sentence: str, parameter: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


class Unauthorized(RequestError):
    """No key, or one that does not hold."""

    code = "unauthorized"
    status = 401


def unheld(sentence: str) -> Unauthorized:
    """Return the error of a token that does not hold, as RFC 6750 has it."""
    return Unauthorized(
        sentence,
        {"WWW-Authenticate": 'Bearer realm="dateline", error="invalid_token"'},
    )


class Forbidden(RequestError):
    """The key does not reach so far, or the origin may not ask."""

    code = "forbidden"
    status = 403


class NotFound(RequestError):
    """Nothing is at this path."""

    code = "not_found"
    status = 404


class MethodNotAllowed(RequestError):
    """The path is there, and does not take this method."""

    code = "method_not_allowed"
    status = 405


class NotAcceptable(RequestError):
    """None of the media types asked for can be given."""

    code = "not_acceptable"
    status = 406


class RequestTimeout(RequestError):
    """The request did not arrive in time."""

    code = "request_timeout"
    status = 408


class BodyTooLarge(RequestError):
    """The body is larger than is taken."""

    code = "body_too_large"
    status = 413


class UnsupportedMediaType(RequestError):
    """The body is of a media type, or in a coding, that is not taken."""

    code = "unsupported_media_type"
    status = 415


class MisdirectedRequest(RequestError):
    """The server is not known by the name that the request gives (Host)."""

    code = "misdirected_request"
    status = 421


class RateLimited(RequestError):
    """More requests than the limit allows."""

    code = "rate_limited"
    status = 429


class HeadTooLarge(RequestError):
    """The request line and headers are larger than is taken."""

    code = "head_too_large"
    status = 431


class NotReached(RequestError):
    """The ledger, or its replica, did not reach the position ``at_least`` in time."""

    code = "position_not_reached"
    status = 503
    fault = True

    def __init__(self, at_least: int, head: int, replica: int | None = None) -> None:
        if replica is None:
            where = f"the ledger is at position {head}"
        else:
            behind = max(0, head - replica)
            where = f"the replica is at position {replica}, {behind} behind the ledger,"
        super().__init__(
            f"{where} and has not reached {at_least}; try again in a moment"
        )
        self.at_least, self.head, self.replica = at_least, head, replica


class NotReady(RequestError):
    """The ledger cannot be read at present."""

    code = "not_ready"
    status = 503
    fault = True


class ShuttingDown(RequestError):
    """The server is being stopped."""

    code = "shutting_down"
    status = 503
    fault = True


class TooSlow(RequestError):
    """The answer took longer than is allowed."""

    code = "timeout"
    status = 504
    fault = True


class Internal(RequestError):
    """A fault of ours; the log has the details under the request's id."""

    code = "internal_error"
    status = 500
    fault = True

    def __init__(self) -> None:
        super().__init__(
            "something went wrong here; the request id finds it in the log"
        )


def status_of(error: DatelineError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, RequestError):
        return error.status
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def members_of(error: DatelineError) -> dict[str, Any]:
    """Return what both interfaces tell of an error besides its sentence."""
    return {"code": error.code, **error.values()}


def problem_of(error: DatelineError, status: int | None = None) -> dict[str, Any]:
    """Return an error as RFC 9457 problem details."""
    return {
        "type": f"urn:dateline:error:{error.code}",
        "title": title_of(error),
        "status": status or status_of(error),
        "detail": str(error),
        **members_of(error),
    }


def title_of(error: DatelineError) -> str:
    """Return what errors of this class have in common, in a few words."""
    return error.code.replace("_", " ").capitalize()


def respond(
    error: DatelineError,
    status: int | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Return the response that tells of an error, with the headers that are given."""
    status = status or status_of(error)
    headers = dict(given)
    if isinstance(error, RequestError):
        headers |= error.headers
    if status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    if status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="dateline"')
    headers["Cache-Control"] = "no-store"
    return Response(
        orjson.dumps(problem_of(error, status)), status, headers, media_type=MEDIA_TYPE
    )


async def refuse(
    error: DatelineError,
    scope: Scope,
    receive: Receive,
    send: Send,
    given: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Answer a request, or the opening of a socket, that goes no further."""
    if scope["type"] == "http" or DENIAL in scope.get("extensions", {}):
        await respond(error, given=given)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})


async def on_dateline_error(_: Request, error: Exception) -> Response:
    """Answer what a handler raised on purpose."""
    assert isinstance(error, DatelineError)
    return respond(error)


async def on_http_exception(_: Request, error: Exception) -> Response:
    """Answer what the framework refuses, in the same form."""
    assert isinstance(error, HTTPException)
    kinds: dict[int, type[RequestError]] = {404: NotFound, 405: MethodNotAllowed}
    kind = kinds.get(error.status_code)
    if kind is NotFound:
        sentence = "there is nothing at this path; /v1/openapi.json lists what there is"
    elif kind is MethodNotAllowed:
        sentence = "this path does not take this method; the Allow header says which"
    else:
        kind, sentence = RequestError, error.detail
    return respond(kind(sentence, error.headers), error.status_code)
