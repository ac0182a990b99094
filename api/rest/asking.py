"""Questions, answered in JSON at a position that the answer's tag and URL name.

A question is one call of the ledger's, in a thread. What HTTP wants to know of the
answer besides is read off the question, or off the answer's end.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

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


class Pinned(NamedTuple):
    """A question whose points are positions, and the tag of its answer.

    Attributes:
        positions: those that the caller did not pin by a cursor, by parameter.
        is_fixed: whether the same request will always be about these positions.
    """

    query: Query
    positions: Mapping[str, str]
    is_fixed: bool
    tag: str


async def ask(call: Call) -> Response:
    """Answer a question at the position it is about now, or was about before."""
    pinned = await _pinned_soon(call)
    if pinned is not None and (response := _known(call, pinned)) is not None:
        return response
    return await call.services.ask(_answered, call, pinned)


async def describe_ledger(call: Call) -> Response:
    """Answer with the ledger as it is now, whatever a replica has of it."""
    return await call.services.ask_primary(_described, call)


def _described(ledger: Ledger, call: Call) -> Response:
    return answered_with(call, encoded(ledger.describe()))


def _answered(ledger: Ledger, call: Call, pinned: Pinned | None) -> Response:
    """Answer in a thread: the ledger is asked."""
    question = call.operation.question
    assert question is not None
    if pinned is None:
        pinned = _pinned_now(ledger, call)
        response = _known(call, pinned)
        if response is not None:
            return response
    try:
        answer = question(ledger, call.names, pinned.query)
    except NotYetRecorded as error:
        asked = {getattr(pinned.query, name): name for name in call.operation.points}
        error.parameter = asked.get(error.asked, error.parameter)
        raise
    body = answer if isinstance(answer, bytes) else encoded(answer)
    call.api.kept.put(pinned.tag, body)
    return _response(call, pinned, body)


def _known(call: Call, pinned: Pinned) -> Response | None:
    """Answer without asking the ledger, if the caller or we have the answer."""
    if is_held(call.headers(b"if-none-match"), pinned.tag):
        return _not_modified(_headers(call, pinned))
    body = call.api.kept.get(pinned.tag)
    return None if body is None else _response(call, pinned, body)


def _response(call: Call, pinned: Pinned, body: bytes) -> Response:
    headers = _headers(call, pinned)
    if is_any(call.headers(b"if-none-match")):
        return _not_modified(headers)
    if call.operation.is_paged:
        found = _NEXT.search(body, max(0, len(body) - _TAIL_BYTES))
        following = None if found is None else found.group(1).decode()
        first = headers.get("Content-Location")
        headers["Link"] = links(first or _first_url(call, pinned), following)
    return Response(body, headers=headers, media_type=JSON)


def _headers(call: Call, pinned: Pinned) -> dict[str, str]:
    headers = validators(call, pinned.tag, fixed=pinned.is_fixed)
    if not pinned.is_fixed:
        headers["Content-Location"] = _first_url(call, pinned)
    return headers


def _first_url(call: Call, pinned: Pinned) -> str:
    return call.url(**pinned.positions, after=None)


# --- points -------------------------------------------------------------------------


async def _pinned_soon(call: Call) -> Pinned | None:
    """Pin a question where that takes no more than the head: no moment, no day."""
    if "after" in call.given:
        return _pinned(call, {}, is_fixed=True)
    given = {name: call.given.get(name) for name in call.operation.points}
    if any(text is not None and not _is_position(text) for text in given.values()):
        return None
    head = None
    if None in given.values():
        head = str((await call.api.heads.now()).position)
    positions = {name: text or head or "" for name, text in given.items()}
    positions = {name: text.lstrip("0") or "0" for name, text in positions.items()}
    return _pinned(call, positions, is_fixed=head is None)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _pinned_now(ledger: Ledger, call: Call) -> Pinned:
    """Pin a question by where the ledger is now."""
    moments = {
        name: _resolved(ledger, name, getattr(call.query, name))
        for name in call.operation.points
    }
    positions = {name: str(moment.position) for name, moment in moments.items()}
    is_fixed = all(moment.is_fixed for moment in moments.values())
    return _pinned(call, positions, is_fixed=is_fixed)


def _pinned(call: Call, positions: Mapping[str, str], *, is_fixed: bool) -> Pinned:
    operation = call.operation
    changed: dict[str, str | int] = {**positions}
    if operation.is_paged:
        changed["first"] = first_of(call)
    query = call.query.model_copy(update=changed)
    asked = query.model_dump(mode="json", by_alias=True, exclude={"at_least"})
    identity = call.services.ledger.identity
    tag = tag_of(__version__, identity, operation.path, call.names, asked)
    return Pinned(query, positions, is_fixed, tag)


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


def links(first: str, following: str | None) -> str:
    """Return the Link header of a page (RFC 8288).

    Args:
        first: the URL of the first page.
        following: the cursor of the next.
    """
    link = f'<{first}>; rel="first"'
    if following is None:
        return link
    sign = "&" if "?" in first else "?"
    return f'{link}, <{first}{sign}after={following}>; rel="next"'


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
    # What compresses answers says this of them itself, and passes over one without any.
    vary = f"{headers['Vary']}, Accept-Encoding"
    return Response(status_code=304, headers={**headers, "Vary": vary})
