"""Results that follow one another in one response: graphql-sse and multipart.

graphql-sse is in distinct connections mode:
https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md. Multipart is Apollo's:
https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol.
strawberry has their framing; what is decided here is how a stream stays alive and ends.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
from strawberry.http.streaming import (
    HTTPStreamTransport,
    MultipartSubscriptionTransport,
    SSETransport,
)
from strawberry.types import ExecutionResult

from dateline.api.graphql.context import Context
from dateline.api.graphql.payloads import encode, payload_of, payload_of_error
from dateline.api.problems import ShuttingDown

SSE = SSETransport()
MULTIPART = MultipartSubscriptionTransport()


async def framed(
    results: AsyncGenerator[ExecutionResult],
    transport: HTTPStreamTransport,
    context: Context,
) -> AsyncGenerator[str]:
    """Yield results as a transport frames them, and a sign of life in each pause.

    A feed that the server ends is not complete: the client is to come back.
    """
    pause = context.services.settings.heartbeat_seconds
    awaited = asyncio.ensure_future(anext(results))
    try:
        while True:
            await asyncio.wait((awaited,), timeout=pause)
            if not awaited.done():
                yield transport.heartbeat_message(encode)
                continue
            try:
                result = awaited.result()
            except StopAsyncIteration:
                break
            yield transport.encode_next(payload_of(result), encode)
            awaited = asyncio.ensure_future(anext(results))
    finally:
        with anyio.CancelScope(shield=True):
            awaited.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await awaited
            await results.aclose()
    if not context.is_cut_off:
        yield transport.encode_complete()
    elif transport is MULTIPART:
        reason = ShuttingDown("the server stops; go on from the last cursor")
        last = {"payload": None, **payload_of_error(reason)}
        yield MULTIPART.encode_multipart_data(last, encode)
        yield transport.encode_complete()
