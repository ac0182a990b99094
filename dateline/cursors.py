"""Cursors, all opaque: of pages, pinned to their question, and of the log's readers.

A page's cursor carries the position its first page was answered at and a digest of the
question, ledger included. Page 2 therefore answers at the basis of page 1, and a
cursor of another ledger, point, topic or policy is refused.

Each cursor also carries how the hash at its position begins. So one of a history that
the ledger no longer has (an older backup took its place, a failover lost what had been
committed last) is refused, also when the ledger has grown past that position since.
Cursors of earlier releases, and bare positions, are taken without that check.
"""

import base64
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from dateline.domain.errors import InvalidCursor
from dateline.domain.recorded import Mark
from dateline.projections.store import OPEN_END

_DIGEST_BYTES = 12
_IDENTITY_LENGTH = 16
_HASH_DIGITS = 12
"""Hex digits of a hash that a cursor carries: 48 bits tell any two histories apart."""


class Pin(NamedTuple):
    """A position as a cursor has it, and how the hash there began, if it tells."""

    position: int
    digits: str = ""

    def check(self, hash: str) -> None:
        """Check that the ledger has the history that the cursor was made in.

        Args:
            hash: of the ledger's last event at or before the position.

        Raises:
            InvalidCursor: it has another one.
        """
        if not hash.startswith(self.digits):
            raise self.lost()

    def lost(self) -> InvalidCursor:
        """Return the error of a cursor whose history is not in the ledger."""
        return InvalidCursor(
            f"it was made at position {self.position} of a history that this ledger no "
            "longer has; begin again from an earlier cursor, or from position 0"
        )


# --- of pages -----------------------------------------------------------------------


class EntryCursors(NamedTuple):
    """The cursors of one answer's entries: a page may begin after any of them."""

    digest: str
    marks: tuple[Mark, ...]

    @classmethod
    def of(cls, marks: tuple[Mark, ...], *question: object) -> "EntryCursors":
        """Bind them to a question and to where it was answered."""
        return cls(_digest(question), marks)

    def after(self, last: str) -> str:
        """Return the opaque text that goes on after an entry."""
        positions = [mark.position for mark in self.marks]
        digits = [mark.hash[:_HASH_DIGITS] for mark in self.marks]
        return _pack([self.digest, positions, last, digits])


class PageCursor(NamedTuple):
    """Where a page ended: where its question was answered, and the last entry on it."""

    pins: tuple[Pin, ...]
    last: str


def decode(text: str, points: int, *question: object) -> PageCursor:
    """Read a cursor that was made for the same question, of so many points.

    Raises:
        InvalidCursor: malformed, or made for another question or ledger.
    """
    try:
        digest, positions, last, *rest = _unpack(text)
        (digits,) = rest or [[""] * points]
        pins = tuple(map(Pin, positions, digits))
        is_whole = len(positions) == len(digits) == points
    except (ValueError, TypeError):
        raise InvalidCursor("it is malformed") from None
    if not (is_whole and all(map(_is_pin, pins)) and isinstance(last, str)):
        raise InvalidCursor("it is malformed")
    if digest != _digest(question):
        raise InvalidCursor("it was made for another question or another ledger")
    return PageCursor(pins, last)


# --- of readers of the log ----------------------------------------------------------


class Place(NamedTuple):
    """How far a reader of the log has come, and in which history.

    ``claim`` is the last one told of what the event at the position changed; without
    one, everything about that event has been told.
    """

    mark: Mark
    claim: str | None = None

    @property
    def position(self) -> int:
        """The last position that the reader has been told of."""
        return self.mark.position

    def encode(self, identity: str) -> str:
        """Return the opaque text, bound to a ledger."""
        position, hash = self.mark
        digits = hash[:_HASH_DIGITS]
        return _pack([identity[:_IDENTITY_LENGTH], position, self.claim, digits])


class PlaceCursor(NamedTuple):
    """A place as a reader gives it: its history is for the ledger to check."""

    pin: Pin
    claim: str | None = None


def decode_place(text: str, identity: str) -> PlaceCursor:
    """Read the cursor of a ledger's reader, or a bare position.

    Raises:
        InvalidCursor: malformed, or of another ledger.
    """
    if text.isascii() and text.isdigit():
        return PlaceCursor(Pin(int(text) if len(text) < 20 else OPEN_END))
    try:
        of, position, *rest = _unpack(text)
        pin, claim = Pin(position, *rest[1:]), rest[0] if rest else None
    except (ValueError, TypeError):
        raise InvalidCursor("it is malformed") from None
    if not (_is_pin(pin) and isinstance(of, str) and isinstance(claim, str | None)):
        raise InvalidCursor("it is malformed")
    if of != identity[:_IDENTITY_LENGTH]:
        raise InvalidCursor("it was made for another ledger")
    return PlaceCursor(pin, claim)


def _is_pin(pin: Pin) -> bool:
    """Tell whether both values have the types that they should have."""
    return type(pin.position) is int and pin.position >= 0 and type(pin.digits) is str


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
