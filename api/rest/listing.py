"""GET events: a page of the log as JSON, or all that is wanted as NDJSON."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

import orjson
from starlette.responses import Response, StreamingResponse

from dateline.api.rest.asking import answered_with, first_of, links
from dateline.api.rest.call import Call
from dateline.api.rest.media import JSON
from dateline.api.rest.parameters import EventsQuery
from dateline.api.rest.refusals import problem_of
from dateline.domain.errors import DatelineError
from dateline.domain.recorded import LogEntry, Mark
from dateline.ledger import Ledger
from dateline.projections.feed import EventFilter, Page

LOOKED_AT = 100_000
"""Positions that are looked at for one page, if hardly any event on them is wanted."""

_STRETCH = 1_000


class Wanted(NamedTuple):
    """Which events are asked for: after one position, up to another."""

    filter: EventFilter
    after: Mark
    upto: int


class Found(NamedTuple):
    """Events as stored, and how far was looked for them."""

    entries: list[LogEntry]
    reached: Mark


async def list_events(call: Call) -> Response:
    """Answer with a page of events, or with a stream of lines that says it ended."""
    if call.media_type == JSON:
        return await call.services.ask(_page, call)
    wanted = await call.services.ask(_wanted, call)
    lines = _lines(call, wanted) if call.scope["method"] != "HEAD" else _nothing()
    headers = {"Cache-Control": "no-cache", "Vary": "Accept", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, headers=headers, media_type=call.media_type)


def _wanted(ledger: Ledger, call: Call) -> Wanted:
    """Read which events are asked for; names must be in the ledger at the head."""
    query = call.query
    assert isinstance(query, EventsQuery)
    wanted = ledger.event_filter(query.topic, query.claim, query.source, query.type)
    place = ledger.place(0 if query.after is None else query.after)
    return Wanted(wanted, place.mark, ledger.position)


def _page(ledger: Ledger, call: Call) -> Response:
    wanted = _wanted(ledger, call)
    first = first_of(call)
    found = _find(ledger, wanted, first + 1)
    following = None
    if len(found.entries) > first:
        following = ledger.cursor(found.entries[first - 1].mark)
    elif found.reached.position < wanted.upto:
        following = ledger.cursor(found.reached)
    body = b"".join(
        (
            b'{"events":[',
            b",".join(orjson.dumps(one.to_json()) for one in found.entries[:first]),
            b'],"next":',
            orjson.dumps(following),
            b',"position":',
            orjson.dumps(wanted.upto),
            b"}",
        )
    )
    return answered_with(call, body, links(call.url(after=None), following))


def _find(ledger: Ledger, wanted: Wanted, most: int) -> Found:
    """Look for so many wanted events, in stretches that grow while few are found."""
    entries: list[LogEntry] = []
    after, stretch = wanted.after, most
    end = min(wanted.upto, after.position + LOOKED_AT)
    while after.position < end and len(entries) < most:
        upto = min(end, after.position + stretch)
        told, after = ledger.feed.page(wanted.filter, after=after, upto=upto)
        entries += [entry for entry, _ in told]
        stretch = min(4 * stretch, _STRETCH)
    return Found(entries, after)


async def _lines(call: Call, wanted: Wanted) -> AsyncGenerator[bytes]:
    """Yield a line for each event, and one that ends them or says what went wrong."""
    services = call.services
    left = getattr(call.query, "first", None)
    count, after = 0, wanted.after
    try:
        while after.position < wanted.upto and (left is None or left > count):
            told, after = await services.ask(_stretch, wanted, after)
            entries = [entry for entry, _ in told]
            if left is not None and len(entries) >= left - count:
                entries = entries[: left - count]
                after = entries[-1].mark
            count += len(entries)
            if entries:
                yield b"".join(orjson.dumps(one.to_json()) + b"\n" for one in entries)
    except DatelineError as error:
        yield orjson.dumps({"error": problem_of(error, "GET")}) + b"\n"
        return
    following = services.ledger.cursor(after)
    end = {"end": True, "count": count, "position": wanted.upto, "next": following}
    yield orjson.dumps(end) + b"\n"


def _stretch(ledger: Ledger, wanted: Wanted, after: Mark) -> Page:
    return ledger.feed.page(wanted.filter, after=after, upto=wanted.upto)


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield
