"""Views on their way to browsers: pinned at both points, shown, and written."""

import orjson
from starlette.responses import RedirectResponse, Response

from dateline.api.page.kept import Kept
from dateline.api.page.requests import HEADERS, UNSTORED
from dateline.api.page.views import (
    HTML,
    MEDIA_TYPES,
    Scene,
    View,
    forms_of,
    written,
)
from dateline.api.page.visit import Visit
from dateline.api.problems import InvalidParameter
from dateline.api.rest.conditions import is_held, tag_of_bytes
from dateline.domain.errors import InvalidTime
from dateline.domain.times import Zone
from dateline.ledger import DEFAULT_POLICY, Ledger, parse_policy
from dateline.names import Names
from dateline.points import RecordedBy

_JUDGED = ("confirmations", "independent", "implicit")
_POINTS = ("on", "recorded_by")


def answered(
    ledger: Ledger, kept: Kept, view: View, visit: Visit, if_none_match: list[str]
) -> Response:
    """Answer in a thread: the ledger is asked."""
    pinned = _pinned(ledger, kept, view, visit)
    if pinned != visit:
        return RedirectResponse(pinned.here(), 307, UNSTORED)
    on, recorded_by = view.points[0]
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
        names=Names(ledger, moment.position),
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
    """Return the visit with its points as they are pinned, and its policy in one.

    The points that links of other views carry stand in for those that a view has by
    other names; a position that is not given is that of the point before.
    """
    pinned = _judged(visit)
    default: RecordedBy = visit.given.get("recorded_by")
    for on, recorded_by in view.points:
        moment = ledger.resolve(visit.given.get(recorded_by, default))
        day = visit.given.get(on)
        if day is None:
            day = view.default_on(ledger, pinned, moment.position, kept)
        _check_day(ledger, on, day)
        pinned = pinned.at(**{on: day, recorded_by: moment.position})
        default = moment.position
    if _POINTS in view.points:
        return pinned
    return pinned.at(**dict.fromkeys(_POINTS))


def _check_day(ledger: Ledger, parameter: str, day: str) -> None:
    """Check a point of public time, also where a view would ask for nothing at it.

    Raises:
        InvalidTime: it is none.
    """
    try:
        Zone(ledger.timezone).known_until(day)
    except InvalidTime as error:
        error.field = parameter
        raise


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
                    "confirmations": int(count) if _is_count(count) else count,
                    "independent": "independent" in parts,
                    "implicit": parts.get("implicit", "count"),
                }
            )
        )
    text = None if policy == DEFAULT_POLICY else policy.model_dump_json()
    return visit.at(policy=text, **dict.fromkeys(_JUDGED))


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) < 10
