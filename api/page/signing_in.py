"""Signing in with a key, which a cookie of the browser keeps, and signing out.

Nothing is kept here: a key that is revoked, or a token that ends, holds no longer.
"""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dateline.api.access import access_of, caller_of
from dateline.api.cookies import LONGEST_KEY, forget, keep
from dateline.api.page.requests import (
    NOBODY,
    UNSTORED,
    form_of,
    page,
    root_of,
    visit_of,
)
from dateline.api.problems import InvalidParameter, RequestError, Unauthorized
from dateline.api.services import Services

_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_NOT_BACK = ("sign-in", "sign-out")


def ways_in(services: Services) -> Callable[[Request], Awaitable[Response]]:
    """Return what shows the form."""

    async def show(request: Request) -> Response:
        return _form(services, request, request.query_params.get("next", ""))

    return show


def sign_in(services: Services) -> Callable[[Request], Awaitable[Response]]:
    """Return what takes the form."""

    async def take(request: Request) -> Response:
        form = await form_of(request)
        key, following = form.get("key", "").strip(), form.get("next", "")
        access = access_of(request.scope)
        if access is None or not access.is_on:
            return RedirectResponse(back_to(request, following), 303, UNSTORED)
        try:
            if not key:
                raise Unauthorized("this needs a key; none was given")
            if len(key) > LONGEST_KEY:
                raise InvalidParameter(
                    f"a key has at most {LONGEST_KEY:,} characters here", "key"
                )
            access.holder(key)
        except RequestError as error:
            return _form(services, request, following, error)
        response = RedirectResponse(back_to(request, following), 303, UNSTORED)
        keep(response, key, secure=_is_secure(request))
        return response

    return take


async def sign_out(request: Request) -> Response:
    """Have the browser forget the key."""
    await form_of(request)
    visit = visit_of(request, NOBODY)
    response = RedirectResponse(visit.to("sign-in"), 303, UNSTORED)
    forget(response)
    return response


def back_to(request: Request, path: str) -> str:
    """Return a path of this server to lead to: the one asked for, or the entrance."""
    home = f"{quote(root_of(request))}/"
    if not _PATH.fullmatch(path) or not path.startswith(home):
        return home
    name = path.removeprefix(home).partition("?")[0]
    return home if name in _NOT_BACK else path


def _form(
    services: Services,
    request: Request,
    following: str,
    error: RequestError | None = None,
) -> Response:
    access = access_of(request.scope)
    caller = NOBODY
    if error is None:
        try:
            caller = caller_of(request.scope)
        except Unauthorized:
            caller = NOBODY
    values = {
        "visit": visit_of(request, caller),
        "title": "Sign in",
        "error": error,
        "is_on": access is not None and access.is_on,
        "next": back_to(request, following),
        "is_again": False,
    }
    status = 200 if error is None else error.status
    return page(services.ledger.timezone, "sign-in.html", values, status)


def _is_secure(request: Request) -> bool:
    """Tell whether the browser came over TLS, also where a server in front ends it."""
    origin = request.headers.get("origin", "")
    return request.scope["scheme"] == "https" or origin.startswith("https://")
