"""Keyset cursors for pages: opaque, and pinned to what they were made for.

A cursor carries the position its first page was answered at and a digest of the
question, ledger included. Page 2 therefore answers at the basis of page 1, and a
cursor of another ledger, point, topic or policy is refused.
"""

import base64
import binascii
from hashlib import sha256
from typing import NamedTuple

import orjson

from dateline.domain.errors import InvalidCursor

_DIGEST_BYTES = 12


class PageCursor(NamedTuple):
    """Where a page ended: the pinned positions and the last claim on it."""

    positions: tuple[int, ...]
    last: str

    def encode(self, *question: object) -> str:
        """Return the opaque text, bound to a question."""
        body = orjson.dumps([_digest(question), self.positions, self.last])
        return base64.urlsafe_b64encode(body).decode().rstrip("=")


def decode(text: str, points: int, *question: object) -> PageCursor:
    """Read a cursor that was made for the same question, of so many points.

    Raises:
        InvalidCursor: malformed, or made for another question or ledger.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        digest, positions, last = orjson.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
    except (ValueError, TypeError, binascii.Error):
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


def _digest(question: tuple[object, ...]) -> str:
    return sha256(orjson.dumps(question)).hexdigest()[: 2 * _DIGEST_BYTES]
