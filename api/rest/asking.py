"""Questions, answered in JSON at a position that the answer's tag and URL name.

Everything here runs in a thread: a question is one call of the ledger's, and what
HTTP wants to know of it besides is read off the question or the answer.
"""

import re
from collections.abc import Mapping

import orjson
from starlette.responses import Response

from dateline import __version__
from dateline.api.rest.call import Call
from dateline.api.rest.conditions import (
    cache_control,
    is_any,
    is_held,
    tag_of,
    tag_of_bytes,
)
from dateline.api.rest.media import JSON
from dateline.api.rest.parameters import DEFAULT_FIRST, Query
from dateline.domain.answers import Answer
from dateline.domain.errors import InvalidTime, NotYetRecorded
from dateline.ledger import Ledger
from dateline.points import RecordedBy, RecordPoint

_NEXT = re.compile(rb'"next":"([^"]+)"\}$')
_TAIL_BYTES = 1_024


async def ask(call: Call) -> Response:
    """Answer a question at the position it is about now, or was about before."""
    return await call.services.ask(_answered, call)


async def describe_ledger(call: Call) -> Response:
    """Answer with the ledger as it is now."""
    return await call.services.ask(_described, call)


def _described(call: Call) -> Response:
    return answered_with(call, encoded(call.services.ledger.describe()))


def _answered(call: Call) -> Response:
    ledger, operation = call.services.ledger, call.operation
    assert operation.question is not None
    query, positions, is_fixed = _pinned(call)
    asked = query.model_dump(mode="json", by_alias=True, exclude={"at_least"})
    tag = tag_of(__version__, ledger.identity, operation.path, call.names, asked)
    headers = validators(call, tag, fixed=is_fixed)
    if positions and not is_fixed:
        headers["Content-Location"] = call.url(**positions)
    held = call.headers(b"if-none-match")
    if held and is_held(held, tag):
        return _not_modified(headers)
    answer = operation.question(ledger, call.names, query)
    if held and is_any(held):
        return _not_modified(headers)
    body = answer if isinstance(answer, bytes) else encoded(answer)
    if operation.is_paged:
        found = _NEXT.search(body[-_TAIL_BYTES:])
        following = None if found is None else found.group(1).decode()
        headers["Link"] = links(call, following, **positions)
    return Response(body, headers=headers, media_type=JSON)


def _pinned(call: Call) -> tuple[Query, dict[str, str], bool]:
    """Return the question with positions for points, them, and whether they are fixed.

    The cursor of a later page pins its points itself.
    """
    query, changed = call.query, {}
    positions: dict[str, str] = {}
    is_fixed = True
    if getattr(query, "after", None) is None:
        for name in call.operation.points:
            moment = _resolved(call.services.ledger, name, getattr(query, name))
            positions[name] = str(moment.position)
            is_fixed = is_fixed and moment.is_fixed
    if "first" in call.operation.query.model_fields:
        changed["first"] = first_of(call)
    return query.model_copy(update={**changed, **positions}), positions, is_fixed


def _resolved(ledger: Ledger, name: str, recorded_by: RecordedBy) -> RecordPoint:
    try:
        return ledger.resolve(recorded_by)
    except NotYetRecorded as error:
        error.parameter = name
        raise
    except InvalidTime as error:
        error.field = name
        raise


def first_of(call: Call) -> int:
    """Return how many entries the page has at most."""
    first: int | None = getattr(call.query, "first", None)
    return first or min(DEFAULT_FIRST, call.services.settings.max_first)


def encoded(answer: Answer) -> bytes:
    """Return an answer as the JSON of the contract."""
    return orjson.dumps(answer.model_dump(mode="json"))


def validators(call: Call, tag: str, *, fixed: bool) -> dict[str, str]:
    """Return the headers by which caches keep an answer and ask for it again."""
    private = call.caller.name is not None
    return {
        "ETag": f'"{tag}"',
        "Cache-Control": cache_control(fixed=fixed, private=private),
        "Vary": "Accept, Authorization" if private else "Accept",
    }


def links(call: Call, following: str | None, **positions: str) -> str:
    """Return the Link header of a page (RFC 8288)."""
    found = [f'<{call.url(**positions, after=None)}>; rel="first"']
    if following is not None:
        found.append(f'<{call.url(**positions, after=following)}>; rel="next"')
    return ", ".join(found)


def answered_with(call: Call, body: bytes, link: str | None = None) -> Response:
    """Answer what changes with the head, tagged by its bytes."""
    tag = tag_of_bytes(body)
    headers = validators(call, tag, fixed=False)
    held = call.headers(b"if-none-match")
    if held and (is_held(held, tag) or is_any(held)):
        return _not_modified(headers)
    if link is not None:
        headers["Link"] = link
    return Response(body, headers=headers, media_type=JSON)


def _not_modified(headers: Mapping[str, str]) -> Response:
    return Response(status_code=304, headers=headers)
