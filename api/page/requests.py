"""Requests of browsers, read; and what is told of those that cannot be answered.

Nothing on a page comes from another host, and its policy lets nothing in: no script,
style or frame that this server does not serve as a file of its own.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from dateline.api.access import Caller, Scope
from dateline.api.cookies import NAME, SECURE_NAME, forget, is_from_here
from dateline.api.page.rendering import render
from dateline.api.page.views import HTML, MEDIA_TYPES
from dateline.api.page.visit import Visit
from dateline.api.problems import (
    Forbidden,
    InvalidParameter,
    Unauthorized,
    UnsupportedMediaType,
    respond,
    title_of,
)
from dateline.api.rest.parameters import pairs_of
from dateline.api.rest.refusals import status_of
from dateline.domain.errors import DatelineError

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "same-origin",
    "Vary": "Authorization, Cookie",
    "X-Content-Type-Options": "nosniff",
}

UNSTORED = {"Cache-Control": "no-store"}

NOBODY = Caller(None, Scope.READ)
"""Who asks for a page that is told nothing of the ledger."""

FORM = "application/x-www-form-urlencoded"


def visit_of(request: Request, caller: Caller) -> Visit:
    """Read what a browser asks for; what a form left empty is not given.

    Raises:
        InvalidParameter: the query cannot be read, or gives something twice.
    """
    query = request.scope["query_string"]
    given = {name: text.strip() for name, text in _pairs(query).items() if text.strip()}
    root = root_of(request)
    path = request.scope["raw_path"].decode("latin-1").removeprefix(quote(root))
    origin = f"{request.url.scheme}://{request.url.netloc}"
    return Visit(origin, root, path, request.path_params, given, caller)


async def form_of(request: Request) -> Mapping[str, str]:
    """Read a form that a page of this server sends.

    Raises:
        Forbidden: another's page sends it. UnsupportedMediaType.
        InvalidParameter: it cannot be read, or gives something twice.
    """
    if not is_from_here(request.headers):
        raise Forbidden("a form is sent by a page of this server, and by no other")
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise UnsupportedMediaType(f"a form is sent as {FORM}", {"Accept-Post": FORM})
    pairs = _pairs(await request.body())
    return {name: text.replace("\r\n", "\n") for name, text in pairs.items()}


def _pairs(query: bytes) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs_of(query):
        if name in given:
            raise InvalidParameter(f"{name} is given more than once", name)
        given[name] = value
    return given


def page(
    timezone: str, template: str, values: Mapping[str, Any], status: int = 200
) -> Response:
    """Return a page that no cache keeps."""
    body = render(timezone, template, values)
    return Response(body, status, {**HEADERS, **UNSTORED}, media_type=MEDIA_TYPES[HTML])


def refused(request: Request, timezone: str, error: DatelineError) -> Response:
    """Return the page that tells of an error, and what can be done about it.

    Who asked for data gets problem details, as over REST. Who has no key is asked for
    it; who comes from another site asks again, since links from there bring no cookie.
    """
    status = status_of(error, request.method)
    plain = respond(error, status)
    if request.query_params.get("format", HTML) != HTML:
        return plain
    visit = _visit_told(request)
    values: dict[str, Any] = {"visit": visit, "error": error, "title": title_of(error)}
    template = "error.html"
    is_held = "refusal" in request.scope.get("state", {})
    if isinstance(error, Unauthorized):
        template = "sign-in.html"
        values |= {
            "title": "Sign in",
            "error": error if is_held else None,
            "is_on": True,
            "next": whole_path(request),
            "is_again": _is_linked(request),
        }
    response = page(timezone, template, values, status)
    for name in ("Allow", "Accept-Post", "Retry-After", "WWW-Authenticate"):
        if name in plain.headers:
            response.headers[name] = plain.headers[name]
    if isinstance(error, Unauthorized) and is_held:
        forget(response)
    return response


def whole_path(request: Request) -> str:
    """Return the path and query that a browser asked for, to lead back to."""
    path: str = request.scope["raw_path"].decode("latin-1")
    query: str = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _visit_told(request: Request) -> Visit:
    """Return what is known of a request that went wrong."""
    caller: Caller = request.scope.get("state", {}).get("caller", NOBODY)
    try:
        return visit_of(request, caller)
    except DatelineError:
        return Visit("", root_of(request), "/", {}, {}, caller)


def _is_linked(request: Request) -> bool:
    """Tell whether a link of another site may have kept a browser from its cookie."""
    return (
        request.method == "GET"
        and request.headers.get("sec-fetch-site") == "cross-site"
        and not {NAME, SECURE_NAME} & request.cookies.keys()
    )


def root_of(request: Request) -> str:
    """Return the path that the application is mounted at."""
    return str(request.scope.get("root_path", "")).rstrip("/")
