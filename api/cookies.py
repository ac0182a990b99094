"""A key in a cookie, for browsers: they send no ``Authorization`` of their own.

It counts only for pages of this server. A browser sends a cookie along with what
others make it ask, too, where it takes them for the same site: another port, a
sibling name.
"""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

NAME = "dateline-key"
SECURE_NAME = f"__Host-{NAME}"
"""Of a cookie that no other host, and nobody on the way, can have set."""

LONGEST_KEY = 3_800
"""Characters of a key; browsers keep 4,096 bytes of a cookie."""

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

_OWN_SITES = frozenset(("same-origin", "none"))


def key_in(scope: Scope) -> str | None:
    """Return the key that a request brings in a cookie, if it counts."""
    cookies = HTTPConnection(scope).cookies
    key = cookies.get(SECURE_NAME) or cookies.get(NAME)
    return key if key and _counts(scope, Headers(scope=scope)) else None


def is_from_here(headers: Headers) -> bool:
    """Tell whether a browser says that a page of this server sends a request.

    What says nothing of that is not from here. ``Sec-Fetch-Site`` goes before
    ``Origin``, since it holds behind a proxy that changes ``Host``.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN_SITES
    own = headers.get("host", "").lower()
    return headers.get("origin", "").lower().partition("://")[2] == own != ""


def _counts(scope: Scope, headers: Headers) -> bool:
    """Tell whether a cookie says who asks: not where another's page asks.

    Links from elsewhere count, and what an old browser says nothing of: nobody else
    can read the answer.
    """
    if is_from_here(headers):
        return True
    if scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS:
        return False
    if "sec-fetch-site" not in headers:
        return "origin" not in headers
    return headers.get("sec-fetch-dest") == "document"


def keep(response: Response, key: str, *, secure: bool) -> None:
    """Have a browser keep a key until it is closed."""
    response.set_cookie(
        SECURE_NAME if secure else NAME,
        key,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def forget(response: Response) -> None:
    """Have a browser forget a key, whichever way it was kept."""
    for name in (NAME, SECURE_NAME):
        response.delete_cookie(
            name, secure=name == SECURE_NAME, httponly=True, samesite="strict"
        )
