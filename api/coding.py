"""Content coding: answers are compressed, feeds are not, and tags tell codings apart.

A strong ETag names bytes, so each coding of an answer has a tag of its own: the
answer's with the coding behind it. A client may send any of them to ask again.
Feeds stay as they are: a coder for each reader would cost more memory than all else.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

LEAST_BYTES = 1_024
"""Smaller answers are sent as they are."""

FEEDS = "text/event-stream", "multipart/mixed"

_CODED_TAG = re.compile(r'-(?:gzip|br|zstd)"')

for media_type in (
    "application/graphql-response+json",
    "application/problem+json",
    "application/x-ndjson",
):
    add_compress_type(media_type)


class ContentCoding:
    """Middleware that compresses what is worth it, for clients that take it."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressing = CompressMiddleware(app, minimum_size=LEAST_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._plain(scope, receive, send)
            return
        headers = Headers(scope=scope)
        accepted = headers.get("accept", "")
        if any(feed in accepted for feed in FEEDS):
            await self._plain(scope, receive, send)
        elif "accept-encoding" in headers:
            await self._coded(scope, receive, send, headers.get("if-none-match", ""))
        else:
            await self._compressing(scope, receive, send)

    async def _coded(
        self, scope: Scope, receive: Receive, send: Send, known: str
    ) -> None:
        """Answer who takes codings; ``known`` are the tags that they have."""
        coded = _CODED_TAG.search(known)
        if coded is not None:
            scope = {**scope, "headers": list(scope["headers"])}
            MutableHeaders(scope=scope)["If-None-Match"] = _CODED_TAG.sub('"', known)

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                suffix = None
                if message["status"] == 304 and coded is not None:
                    suffix = coded[0]
                elif "content-encoding" in headers:
                    suffix = f'-{headers["content-encoding"]}"'
                if suffix is not None and headers.get("etag", "").endswith('"'):
                    headers["ETag"] = headers["ETag"].removesuffix('"') + suffix
            await send(message)

        await self._compressing(scope, receive, tagged)
