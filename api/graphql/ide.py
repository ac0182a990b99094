"""GraphiQL for browsers: one page with everything in it, from this server alone.

It asks no other host for anything, and its policy lets it ask none: only the scripts
that are on the page run, by their hashes, and they reach only this server.
"""

import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dateline.api.rest.media import prefers_page

_ASSETS = files("dateline.api") / "assets" / "graphiql"
_PLACE = re.compile(r"\{\{ ([a-z.-]+) \}\}")
_SCRIPT = re.compile(r"(?s)<script>(.*?)</script>")


def is_browser(request: Request) -> bool:
    """Tell whether a request is for a page, and for no answer."""
    if request.method != "GET" or "query" in request.query_params:
        return False
    return prefers_page(request.headers.getlist("accept"))


def page() -> Response:
    """Return the page."""
    text, policy = _page()
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text, headers=headers)


@lru_cache(maxsize=1)
def _page() -> tuple[str, str]:
    """Put the page together; return it and the policy that its scripts need."""
    text = _PLACE.sub(lambda place: _read(place[1]), _read("page.html"))
    scripts = " ".join(f"'sha256-{_hash(one)}'" for one in _SCRIPT.findall(text))
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src data:; font-src data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
