"""Bodies of requests as they arrive: their types, limits, lines, and time."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import anyio
import orjson
from starlette.requests import ClientDisconnect

from dateline.api.problems import (
    BodyTooLarge,
    RequestError,
    RequestTimeout,
    UnsupportedMediaType,
)
from dateline.api.rest.call import Call
from dateline.api.rest.media import JSON, NDJSON_TYPES, content_type
from dateline.domain.errors import (
    InvalidEncoding,
    LineTooLong,
    MalformedJSON,
)

ACCEPTED = (JSON, *NDJSON_TYPES)
"""The media types that bodies are taken in."""

CHUNK_LINES = 1_000
"""Lines that are recorded in one transaction, where a body is taken in parts."""

_LULL_SECONDS = 0.05
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line of a body: its number from 1, and its bytes."""

    number: int
    raw: bytes

    def check_length(self, most_bytes: int) -> None:
        """Refuse a line that is too long.

        Raises:
            LineTooLong: it is.
        """
        if len(self.raw) > most_bytes:
            raise LineTooLong(f"a line has at most {most_bytes:,} bytes")


def body_type(call: Call) -> str:
    """Return the media type of a request's body.

    Raises:
        UnsupportedMediaType: not one of those taken, or in a coding.
    """
    codings = ",".join(call.headers(b"content-encoding")).strip().lower()
    if codings not in ("", "identity"):
        raise UnsupportedMediaType(
            f"bodies are taken as they are, not in the coding {codings[:60]!r}",
            {"Accept-Encoding": "identity"},
        )
    given = call.headers(b"content-type")
    name, charset = content_type(given[0]) if len(given) == 1 else ("", "")
    if name not in ACCEPTED or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(
            f"a body is {' or '.join(ACCEPTED[:2])}, in UTF-8; name it in Content-Type",
            accept_post(),
        )
    return name


def accept_post() -> Mapping[str, str]:
    """Return the header that says what bodies are taken."""
    return {"Accept-Post": ", ".join(ACCEPTED)}


class Body:
    """The body of a request, taken whole or line by line.

    Args:
        limit: bytes, at most.
    """

    def __init__(self, call: Call, limit: int) -> None:
        self._call = call
        self._limit = limit
        self._seconds = call.services.settings.body_seconds
        self._most_of_a_line = call.services.settings.max_line_bytes
        self._taken = 0
        self._rest = b""
        self._lines = 0
        self.is_ended = False
        length = call.headers(b"content-length")
        if length and length[0].isdigit() and int(length[0][:20]) > limit:
            raise self._too_large()

    async def whole(self) -> bytes:
        """Return the whole body.

        Raises:
            BodyTooLarge. RequestTimeout: it did not arrive in time.
            MalformedJSON: it is empty, or begins with a byte order mark.
        """
        parts = []
        until = time.monotonic() + self._seconds
        while not self.is_ended:
            parts.append(await self._part(until))
        body = b"".join(parts)
        if not body.strip():
            raise MalformedJSON("the body is empty")
        _check_begin(body)
        return body

    async def lines(self) -> list[Line]:
        """Return the next lines that are not blank, no more than make a transaction.

        Waits for the first one only, so that a caller who sends one line at a time
        gets its result. A line that is too long comes cut, one byte over the limit.

        Raises:
            BodyTooLarge. RequestTimeout: no line arrived in time.
        """
        found: list[Line] = []
        until = time.monotonic() + self._seconds
        while len(found) < CHUNK_LINES and not (self.is_ended and not self._rest):
            if b"\n" not in self._rest and not self.is_ended:
                try:
                    part = await self._part(
                        time.monotonic() + _LULL_SECONDS if found else until
                    )
                except RequestTimeout:
                    if found:
                        break
                    raise
                self._rest += part
            found += self._split(CHUNK_LINES - len(found))
        return found

    def _split(self, most: int) -> list[Line]:
        """Take up to so many whole lines off what has arrived."""
        *whole, rest = self._rest.split(b"\n", most)
        if self.is_ended and len(whole) < most:
            whole.append(rest)
            rest = b""
        elif b"\n" not in rest:
            rest = rest[: self._most_of_a_line + 1]
        self._rest = rest
        lines = [
            Line(number, raw[: self._most_of_a_line + 1])
            for number, raw in enumerate(whole, self._lines + 1)
        ]
        if lines and self._lines == 0:
            _check_begin(lines[0].raw)
        self._lines += len(lines)
        return [line for line in lines if line.raw.strip()]

    async def _part(self, until: float) -> bytes:
        """Return what arrives next."""
        with anyio.move_on_after(until - time.monotonic()):
            message = await self._call.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part: bytes = message.get("body", b"")
            self.is_ended = not message.get("more_body", False)
            self._taken += len(part)
            if self._taken > self._limit:
                raise self._too_large()
            return part
        raise RequestTimeout(
            f"the body did not go on within {self._seconds:g} s", self._closing()
        )

    def _too_large(self) -> RequestError:
        return BodyTooLarge(
            f"a body has at most {self._limit:,} bytes here; send it in parts",
            self._closing(),
        )

    def _closing(self) -> dict[str, str]:
        """Return the header that spares both sides the rest of the body."""
        is_http_1 = self._call.scope.get("http_version", "1.1").startswith("1")
        return {"Connection": "close"} if is_http_1 else {}


def lines_of(body: bytes) -> list[Line]:
    """Return the lines of a whole body that are not blank."""
    return [
        Line(number, raw)
        for number, raw in enumerate(body.split(b"\n"), 1)
        if raw.strip()
    ]


def decoded(raw: bytes) -> Any:
    """Return what JSON stands for.

    Raises:
        MalformedJSON. InvalidEncoding.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError as malformed:
            raise InvalidEncoding(f"byte {malformed.start + 1} is not UTF-8") from None
        raise MalformedJSON(
            f"not JSON ({error.msg} at character {error.pos + 1})"
        ) from None


def _check_begin(body: bytes) -> None:
    if body.startswith(_BYTE_ORDER_MARK):
        raise MalformedJSON("it begins with a byte order mark; send it without")
