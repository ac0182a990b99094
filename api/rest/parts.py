"""POST events as NDJSON with ``atomic=false``: the good lines, as they arrive.

Up to 1,000 lines are recorded together, and a bad line is passed over. The results go
out when they are committed, and the write lock is never held while the network is
waited for.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any

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
from dateline.api.services import Services, head_of
from dateline.domain.errors import DatelineError, MalformedJSON
from dateline.domain.events import AnyEvent
from dateline.ledger import Ledger
from dateline.projections.commands import Command

Read = tuple[AnyEvent, str | None] | DatelineError
"""An event and the id that a retry gives it, or what is wrong with its line."""


async def record_in_parts(call: Call, signature: Signature) -> ASGIApp:
    """Record a body as it arrives; what comes first decides about the status."""
    parts = _parts(call, signature)
    first = await anext(parts)
    return _Results(first, parts)


async def _parts(call: Call, signature: Signature) -> AsyncGenerator[bytes]:
    """Yield the results of each transaction, and the line that ends them."""
    services = call.services
    body = Body(call, services.settings.max_stream_bytes)
    most_bytes = services.settings.max_line_bytes
    tally = Tally()

    try:
        while lines := await body.lines():
            size = sum(len(line.raw) for line in lines)
            read = await services.read(
                size, _read, services.ledger, lines, signature, most_bytes, tally.lines
            )
            results = await _record_good(services, lines, read)
            yield joined([tally.count(one) for one in results])
        if tally.lines == 0:
            raise MalformedJSON("the body is empty")
        position = tally.position or await services.ask_primary(head_of)
        yield joined([tally.end(position)])
    except DatelineError as error:
        if tally.lines == 0:
            raise
        yield joined([failure(error)])


def _read(
    ledger: Ledger,
    lines: Sequence[Line],
    signature: Signature,
    most_bytes: int,
    begin: int,
) -> list[Read]:
    """Read lines as events, each with the id that a retry gives it."""
    read: list[Read] = []
    for index, line in enumerate(lines, begin):
        try:
            line.check_length(most_bytes)
            event = signature.event(decoded(line.raw))
        except DatelineError as error:
            read.append(error)
        else:
            read.append((event, ledger.retry_id(signature.key, index)))
    return read


async def _record_good(
    services: Services, lines: Sequence[Line], read: Sequence[Read]
) -> list[Result]:
    """Record the good ones of some lines in one transaction; tell of each line."""
    good = [one for one in read if not isinstance(one, DatelineError)]
    command = Command(good, is_whole=False)
    if good:
        await services.record(command)
        command.check()
    recorded = iter(command.results)
    results = []
    for line, one in zip(lines, read, strict=True):
        outcome = one if isinstance(one, DatelineError) else next(recorded)
        if isinstance(outcome, DatelineError):
            results.append(refusal(line, outcome))
        else:
            results.append(result(line, outcome))
    return results


class _Results:
    """The response: results as they come."""

    def __init__(self, first: bytes, parts: AsyncGenerator[bytes]) -> None:
        self._first = first
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is; stop, unended, when the caller is gone."""
        start = Response(media_type=NDJSON, headers={"Cache-Control": "no-store"})
        del start.headers["content-length"]
        async with aclosing(self._parts) as parts:
            with suppress(ClientDisconnect):
                await _send(send, "start", status=200, headers=start.raw_headers)
                await _send(send, "body", body=self._first, more_body=True)
                async for part in parts:
                    await _send(send, "body", body=part, more_body=True)
                await _send(send, "body", body=b"", more_body=False)


async def _send(send: Send, kind: str, **message: Any) -> None:
    await send({"type": f"http.response.{kind}", **message})
