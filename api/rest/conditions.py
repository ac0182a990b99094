"""Conditional requests: entity tags, and what a cache may do with an answer.

An answer at a fixed position never changes, so its tag follows from the question and
is known before the question is asked. Compression is applied by others later on; a
tag that went through :class:`CodedTags` names its coding too (``"...-gzip"``), since
a strong tag stands for bytes.
"""

import re
from collections.abc import Iterable, MutableMapping
from hashlib import sha256
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_YEAR_SECONDS = 31_536_000

_TAGS = re.compile(r'(?:W/)?"([^"]*)"')
_TAG_LENGTH = 32
_ANY = "*"


def tag_of(*question: object) -> str:
    """Return the tag of the answer to a question, without quotes."""
    return sha256(orjson.dumps(question)).hexdigest()[:_TAG_LENGTH]


def tag_of_bytes(body: bytes) -> str:
    """Return the tag of an answer that only its bytes identify."""
    return sha256(body).hexdigest()[:_TAG_LENGTH]


def matching(if_none_match: Iterable[str], tag: str) -> str | None:
    """Return what the caller calls the answer that it holds already, if it does.

    The comparison is weak (RFC 9110, 13.1.2), and looks past the coding.
    """
    for given in _TAGS.findall(",".join(if_none_match)):
        if given.partition("-")[0] == tag:
            return str(given)
    return None


def is_any(if_none_match: Iterable[str]) -> bool:
    """Tell whether the caller holds an answer, whichever it is."""
    return any(_ANY in map(str.strip, one.split(",")) for one in if_none_match)


def cache_control(*, fixed: bool, private: bool) -> str:
    """Return what caches may do with an answer: keep it for good, or ask again."""
    if fixed:
        reach = "private" if private else "public"
        return f"{reach}, max-age={_YEAR_SECONDS}, immutable"
    return "private, no-cache" if private else "no-cache"


class CodedTags:
    """Middleware outside of the one that compresses: names the coding in the tag."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with tags that tell the codings apart."""

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                _name_coding(message)
            await send(message)

        await self._app(scope, receive, tagged if scope["type"] == "http" else send)


def _name_coding(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(raw=message["headers"])
    coding, tag = headers.get("content-encoding"), headers.get("etag")
    if coding is not None and tag is not None and tag.startswith('"'):
        headers["etag"] = f'{tag[:-1]}-{coding}"'
        message["headers"] = headers.raw
