"""Server-sent events: what is recorded and what it changes, as it happens.

The id of each message is the reader's cursor; a browser sends the last one back by
itself when it connects again. A reader that begins at the head, or at a bare position,
is sent a heartbeat at once: cut off before anything happens, it has a cursor all the
same. So it loses nothing, and is told if the ledger has lost something.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from sse_starlette import ServerSentEvent
from starlette.responses import Response, StreamingResponse

from dateline.api.hub import Changed, Delivered, Heartbeat
from dateline.api.problems import InvalidParameter
from dateline.api.rest.call import Call
from dateline.api.rest.media import EVENT_STREAM
from dateline.api.rest.parameters import ChangesQuery, EventsQuery
from dateline.api.rest.refusals import problem_of
from dateline.cursors import Place
from dateline.domain.answers import as_json
from dateline.domain.errors import DatelineError
from dateline.domain.recorded import LogEntry
from dateline.ledger import DEFAULT_POLICY, Ledger
from dateline.projections.feed import EventFilter

LAST_EVENT_ID = "Last-Event-ID"

KEPT_MESSAGES = 256
"""Messages of events that are kept written."""

_HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept", "X-Accel-Buffering": "no"}

News = Delivered | Changed | Heartbeat


async def stream_events(call: Call) -> Response:
    """Stream the wanted events."""
    query = call.query
    assert isinstance(query, EventsQuery)
    _refuse(call, "first")
    hub = call.services.hub

    def begin(ledger: Ledger) -> tuple[EventFilter, Place, int]:
        wanted = ledger.event_filter(query.topic, query.claim, query.source, query.type)
        return wanted, ledger.place(_after(call)), ledger.position

    wanted, place, head = await call.services.ask_primary(begin)
    return _stream(call, hub.events(wanted, place), place, head)


async def stream_changes(call: Call) -> Response:
    """Stream what each event changes of claims' statuses, at the far end of time."""
    query = call.query
    assert isinstance(query, ChangesQuery)
    _refuse(call, "from", "from_recorded_by", "to", "to_recorded_by", "first")
    hub = call.services.hub

    def begin(ledger: Ledger) -> tuple[Place, int]:
        ledger.event_filter(query.topic)
        return ledger.place(_after(call)), ledger.position

    place, head = await call.services.ask_primary(begin)
    changes = hub.changes(query.topic, query.policy or DEFAULT_POLICY, place)
    return _stream(call, changes, place, head)


def _refuse(call: Call, *names: str) -> None:
    for name in names:
        if name in call.given:
            raise InvalidParameter(f"{name} is not asked of a stream", name)


def _after(call: Call) -> str | None:
    """Return where the reader goes on; what it read last counts more than the URL."""
    last = next(iter(call.headers(LAST_EVENT_ID.lower().encode())), "")
    return last or call.given.get("after")


def _stream(call: Call, news: AsyncGenerator[Any], place: Place, head: int) -> Response:
    if call.scope["method"] == "HEAD":
        return Response(headers=_HEADERS, media_type=EVENT_STREAM)
    messages = _messages(call, news, place, head)
    return StreamingResponse(messages, headers=_HEADERS, media_type=EVENT_STREAM)


async def _messages(
    call: Call, news: AsyncGenerator[News], place: Place, head: int
) -> AsyncIterator[bytes]:
    """Yield the messages of a feed, and the one that says why it ends."""
    cursor = call.services.ledger.cursor(*place)
    if (_after(call) or "0").isdigit():
        yield _message("heartbeat", {"position": head}, cursor)
    else:
        yield _GREETING
    try:
        async with aclosing(news) as coming:
            async for one in coming:
                cursor = one.cursor
                yield told(one, call.api.messages)
    except DatelineError as error:
        yield _message("error", problem_of(error, "GET"))
        return
    yield _message("end", {"reason": "shutting_down", "cursor": cursor}, cursor)


def told(one: News, kept: dict[str, bytes]) -> bytes:
    """Return the message that tells a reader of something."""
    match one:
        case Delivered(entry, cursor, _):
            return _kept(entry, cursor, kept)
        case Changed(change, _, cursor, _):
            return _message("change", as_json(change), cursor)
        case Heartbeat(cursor, head):
            return _message("heartbeat", {"position": head}, cursor)


def _kept(entry: LogEntry, cursor: str, kept: dict[str, bytes]) -> bytes:
    """Return an event's message, written once for all who are told of it."""
    message = kept.get(cursor)
    if message is None:
        message = kept[cursor] = _message(entry.type, entry.to_json(), cursor)
        if len(kept) > KEPT_MESSAGES:
            del kept[next(iter(kept))]
    return message


def _message(event: str, document: Any, cursor: str | None = None) -> bytes:
    data = orjson.dumps(document).decode()
    return ServerSentEvent(data, event=event, id=cursor, sep="\n").encode()


_GREETING = ServerSentEvent(comment="dateline", sep="\n").encode()
"""Lets whatever is in between pass on the head of the answer."""
