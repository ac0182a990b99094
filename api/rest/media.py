"""Media types: what the answers come in, and which of them a caller accepts."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from dateline.api.problems import NotAcceptable

JSON = "application/json"
HTML = "text/html"
NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"

NDJSON_TYPES = (NDJSON, "application/ndjson", "application/jsonl")
"""All names of NDJSON that are taken; the first is given if any will do."""


class _Range(NamedTuple):
    """A range of the Accept header, and how much it is wanted."""

    type: str
    quality: float

    @property
    def specificity(self) -> int:
        return 2 - self.type.count("*")

    def covers(self, media_type: str) -> bool:
        if self.type == "*/*":
            return True
        if self.type.endswith("/*"):
            return media_type.startswith(self.type[:-1])
        return media_type == self.type


def accepted(accept: Iterable[str], offered: Sequence[str]) -> str:
    """Return the media type that a caller likes best of those offered.

    Args:
        accept: the Accept headers; without any, the first type will do.
        offered: in the order that decides between equals.

    Raises:
        NotAcceptable: the caller accepts none of them.
    """
    header = ",".join(accept)
    if header in ("", "*/*"):
        return offered[0]
    ranges = _ranges(header)
    wanted = [(_quality(ranges, one), -index) for index, one in enumerate(offered)]
    quality, index = max(wanted, default=(0.0, 0))
    if quality <= 0:
        raise NotAcceptable(
            f"this is given as {', '.join(offered)}; accept one of them"
        )
    return offered[-index]


def prefers_page(accept: Iterable[str]) -> bool:
    """Tell whether a caller likes a page better than an answer."""
    try:
        return accepted(accept, (JSON, HTML)) == HTML
    except NotAcceptable:
        return False


def _quality(ranges: Sequence[_Range], media_type: str) -> float:
    """Return the quality that the most specific range gives to a media type."""
    covering = [one for one in ranges if one.covers(media_type)]
    best = max(covering, key=lambda one: one.specificity, default=None)
    return 0.0 if best is None else best.quality


@lru_cache(256)
def _ranges(header: str) -> tuple[_Range, ...]:
    """Read an Accept header (RFC 9110, 12.5.1); what is malformed accepts nothing."""
    ranges = []
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _number(parameter[2:])
        if name.count("/") == 1:
            ranges.append(_Range(name, quality))
    return tuple(ranges)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0 <= number <= 1 else 0.0


def content_type(header: str) -> tuple[str, str]:
    """Return the media type of a Content-Type header, and its charset."""
    name, *parameters = (piece.strip().lower() for piece in header.split(";"))
    charset = "utf-8"
    for parameter in parameters:
        if parameter.startswith("charset="):
            charset = parameter.removeprefix("charset=").strip('"')
    return name, charset
