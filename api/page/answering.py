"""Requests of browsers on their way to a view, and what they are told goes wrong.

Nothing on a page comes from another host, and its policy lets nothing in: no script,
style or frame that this server does not serve as a file of its own.
"""

from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dateline.api.access import Caller, Scope
from dateline.api.page.kept import Kept
from dateline.api.page.names import Names
from dateline.api.page.rendering import render
from dateline.api.page.views import (
    HTML,
    MEDIA_TYPES,
    Scene,
    View,
    forms_of,
    written,
)
from dateline.api.page.visit import Visit
from dateline.api.problems import InvalidParameter, status_of, title_of
from dateline.api.rest.conditions import is_held, tag_of_bytes
from dateline.domain.errors import DatelineError
from dateline.domain.rule import Policy
from dateline.ledger import DEFAULT_POLICY, Ledger, parse_policy

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

_MOST_PARAMETERS = 50
_JUDGED = ("confirmations", "independent", "implicit")
_NOBODY = Caller(None, Scope.READ)


def visit_of(request: Request, caller: Caller) -> Visit:
    """Read what a browser asks for; what a form left empty is not given.

    Raises:
        InvalidParameter: the query cannot be read, or gives something twice.
    """
    try:
        pairs = parse_qsl(
            request.scope["query_string"].decode(),
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise InvalidParameter("the query cannot be read", "query") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise InvalidParameter(f"{name} is given more than once", name)
        if value.strip():
            given[name] = value.strip()
    root = request.scope.get("root_path", "").rstrip("/")
    path = request.scope["raw_path"].decode("latin-1").removeprefix(root)
    return Visit(root, path, request.path_params, given, caller)


def answered(
    ledger: Ledger, kept: Kept, view: View, visit: Visit, if_none_match: list[str]
) -> Response:
    """Answer in a thread: the ledger is asked."""
    pinned = _pinned(ledger, kept, view, visit)
    if pinned != visit:
        return RedirectResponse(pinned.here(), 307, {"Cache-Control": "no-store"})
    on, recorded_by = view.points[-1]
    moment = ledger.resolve(visit.given[recorded_by])
    scene = Scene(
        ledger=ledger,
        visit=visit,
        on=visit.given[on],
        position=moment.position,
        recorded_at=moment.recorded_at,
        hash=moment.hash,
        head=ledger.position,
        kept=kept,
        policy=visit.policy,
        names=Names(ledger, visit.given[on], moment.position),
    )
    shown = view.show(scene)
    form = visit.given.get("format", HTML)
    if form not in forms_of(shown):
        forms = ", ".join(forms_of(shown))
        raise InvalidParameter(f"format is one of {forms}", "format")
    body = written(scene, shown, form)
    headers = {**HEADERS, "ETag": f'"{tag_of_bytes(body)}"'}
    if is_held(if_none_match, tag_of_bytes(body)):
        return Response(status_code=304, headers=headers)
    if form != HTML:
        name = f"{shown.name}.{form}"
        headers["Content-Disposition"] = f'inline; filename="{name}"'
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def _pinned(ledger: Ledger, kept: Kept, view: View, visit: Visit) -> Visit:
    """Return the visit with both points as they are pinned, and its policy in one."""
    pinned = _judged(visit)
    for on, recorded_by in view.points:
        moment = ledger.resolve(visit.given.get(recorded_by))
        day = visit.given.get(on)
        if day is None:
            day = view.default_on(ledger, pinned, moment.position, kept)
        pinned = pinned.at(**{on: day, recorded_by: moment.position})
    return pinned


def _judged(visit: Visit) -> Visit:
    """Join a policy that a form gives in parts; the default one is left out.

    Raises:
        InvalidPolicy.
    """
    policy = visit.policy
    parts = {name: visit.given[name] for name in _JUDGED if name in visit.given}
    if parts:
        count = parts.get("confirmations", "1")
        policy = parse_policy(
            orjson.dumps(
                {
                    "confirmations": int(count) if count.isdecimal() else count,
                    "independent": "independent" in parts,
                    "implicit": parts.get("implicit", "count"),
                }
            )
        )
    text = None if policy == DEFAULT_POLICY else _printed(policy)
    return visit.at(policy=text, **dict.fromkeys(_JUDGED))


def _printed(policy: Policy) -> str:
    return policy.model_dump_json()


def refused(
    request: Request, timezone: str, error: DatelineError, visit: Visit | None
) -> Response:
    """Return the page that tells of an error, and what can be done about it."""
    visit = visit or Visit(
        request.scope.get("root_path", "").rstrip("/"), "/", {}, {}, _NOBODY
    )
    values = {"visit": visit, "error": error, "title": title_of(error)}
    body = render(timezone, "error.html", values)
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(body, status_of(error), headers, media_type=MEDIA_TYPES[HTML])
