"""Cursors, all opaque: of pages, pinned to their question, and of the log's readers.

A page's cursor carries the position its first page was answered at and a digest of the
question, ledger included. Page 2 therefore answers at the basis of page 1, and a
cursor of another ledger, point, topic or policy is refused.
"""

import base64
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from dateline.domain.errors import InvalidCursor
from dateline.projections.store import OPEN_END

_DIGEST_BYTES = 12
_IDENTITY_LENGTH = 16


class PageCursor(NamedTuple):
    """Where a page ended: the pinned positions and the last claim on it."""

    positions: tuple[int, ...]
    last: str

    def encode(self, *question: object) -> str:
        """Return the opaque text, bound to a question."""
        return EntryCursors(_digest(question), self.positions).after(self.last)


class EntryCursors(NamedTuple):
    """The cursors of one answer's entries: a page may begin after any of them."""

    digest: str
    positions: tuple[int, ...]

    @classmethod
    def of(cls, positions: tuple[int, ...], *question: object) -> "EntryCursors":
        """Bind them to a question and to the positions it was answered at."""
        return cls(_digest(question), positions)

    def after(self, last: str) -> str:
        """Return the opaque text that goes on after an entry."""
        return _pack([self.digest, self.positions, last])


def decode(text: str, points: int, *question: object) -> PageCursor:
    """Read a cursor that was made for the same question, of so many points.

    Raises:
        InvalidCursor: malformed, or made for another question or ledger.
    """
    try:
        digest, positions, last = _unpack(text)
    except (ValueError, TypeError):
        raise InvalidCursor("it is malformed") from None
    if (
        not isinstance(positions, list)
        or not all(type(position) is int and position >= 0 for position in positions)
        or len(positions) != points
        or not isinstance(last, str)
    ):
        raise InvalidCursor("it is malformed")
    if digest != _digest(question):
        raise InvalidCursor("it was made for another question or another ledger")
    return PageCursor(tuple(positions), last)


class Place(NamedTuple):
    """How far a reader of the log has come; its cursor names the ledger.

    ``claim`` is the last one told of what the event at ``position`` changed; without
    one, everything about that event has been told.
    """

    position: int
    claim: str | None = None

    def encode(self, identity: str) -> str:
        """Return the opaque text, bound to a ledger."""
        return _pack([identity[:_IDENTITY_LENGTH], *filter(_is_given, self)])


def decode_place(text: str, identity: str) -> Place:
    """Read the cursor of a ledger's reader, or a bare position.

    Raises:
        InvalidCursor: malformed, or of another ledger.
    """
    if text.isascii() and text.isdigit():
        return Place(int(text) if len(text) < 20 else OPEN_END)
    try:
        of, position, *claim = _unpack(text)
        place = Place(position, *claim)
    except (ValueError, TypeError):
        raise InvalidCursor("it is malformed") from None
    if type(position) is not int or position < 0 or not isinstance(of, str):
        raise InvalidCursor("it is malformed")
    if not (place.claim is None or isinstance(place.claim, str)):
        raise InvalidCursor("it is malformed")
    if of != identity[:_IDENTITY_LENGTH]:
        raise InvalidCursor("it was made for another ledger")
    return place


def _is_given(value: object) -> bool:
    return value is not None


def _pack(parts: list[object]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _unpack(text: str) -> Any:
    """Return what was packed.

    Raises:
        ValueError: the text is not base64, or no JSON.
    """
    padded = text + "=" * (-len(text) % 4)
    return orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))


def _digest(question: tuple[object, ...]) -> str:
    return sha256(orjson.dumps(question)).hexdigest()[: 2 * _DIGEST_BYTES]
