"""POST events as NDJSON with ``atomic=false``: the good lines, as they arrive.

Up to 1,000 lines make a transaction, in which a bad line is passed over. The results
of each go out when it is committed, and the write lock is never held while the
network is waited for.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, ParamSpec, TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dateline.api.rest.bodies import Body, Line, decoded
from dateline.api.rest.call import Call
from dateline.api.rest.media import NDJSON
from dateline.api.rest.results import (
    Result,
    Tally,
    failure,
    joined,
    refusal,
    result,
)
from dateline.api.rest.signing import Signature
from dateline.domain.answers import RecordedEvent
from dateline.domain.errors import DatelineError, MalformedJSON
from dateline.domain.events import AnyEvent
from dateline.ledger import Ledger

Asked = ParamSpec("Asked")
Tried = TypeVar("Tried")


async def record_in_parts(call: Call, signature: Signature) -> ASGIApp:
    """Record a body as it arrives; what comes first decides about the status."""
    parts = _parts(call, signature)
    first = await anext(parts)
    return _Results(first, parts, call.services.settings.body_seconds)


async def _parts(call: Call, signature: Signature) -> AsyncGenerator[bytes]:
    """Yield the results of each transaction, and the line that ends them."""
    services = call.services
    body = Body(call, services.settings.max_stream_bytes)
    most_bytes = services.settings.max_line_bytes
    tally = Tally()

    def record(lines: Sequence[Line]) -> list[Result]:
        def read(line: Line) -> AnyEvent:
            line.check_length(most_bytes)
            return signature.event(decoded(line.raw))

        begin = tally.lines
        return _record_good(services.ledger, lines, read, signature.key, begin)

    try:
        while lines := await body.lines():
            results = await services.record(record, lines)
            yield joined([tally.count(one) for one in results])
        if tally.lines == 0:
            raise MalformedJSON("the body is empty")
        position = tally.position or await services.ask(services.ledger.feed.head)
        yield joined([tally.end(position)])
    except DatelineError as error:
        if tally.lines == 0:
            raise
        yield joined([failure(error)])


def _record_good(
    ledger: Ledger,
    lines: Sequence[Line],
    read: Callable[[Line], AnyEvent],
    key: str | None,
    begin: int,
) -> list[Result]:
    """Record the good ones of some lines in one transaction; tell of each line."""
    events = [_tried(read, line) for line in lines]
    recorded: list[RecordedEvent | DatelineError] = [
        one for one in events if isinstance(one, DatelineError)
    ]
    if len(recorded) < len(events):
        with ledger.recording() as batch:
            recorded = [
                one
                if isinstance(one, DatelineError)
                else _tried(
                    batch.add, one, retry_id=ledger.retry_id(key, begin + index)
                )
                for index, one in enumerate(events)
            ]
    return [
        refusal(line, one) if isinstance(one, DatelineError) else result(line, one)
        for line, one in zip(lines, recorded, strict=True)
    ]


def _tried(
    attempt: Callable[Asked, Tried], *arguments: Asked.args, **named: Asked.kwargs
) -> Tried | DatelineError:
    """Return what came out, or what the caller got wrong."""
    try:
        return attempt(*arguments, **named)
    except DatelineError as error:
        if error.fault:
            raise
        return error


class _Results:
    """The response: results as they come, to a caller who takes them in time."""

    def __init__(
        self, first: bytes, parts: AsyncGenerator[bytes], seconds: float
    ) -> None:
        self._first = first
        self._parts = parts
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is; stop, unended, when the caller is gone."""
        start = Response(media_type=NDJSON, headers={"Cache-Control": "no-store"})
        del start.headers["content-length"]
        async with aclosing(self._parts) as parts:
            with suppress(ClientDisconnect, TimeoutError):
                await self._send(send, "start", status=200, headers=start.raw_headers)
                await self._send(send, "body", body=self._first, more_body=True)
                async for part in parts:
                    await self._send(send, "body", body=part, more_body=True)
                await self._send(send, "body", body=b"", more_body=False)

    async def _send(self, send: Send, kind: str, **message: Any) -> None:
        with anyio.fail_after(self._seconds):
            await send({"type": f"http.response.{kind}", **message})
