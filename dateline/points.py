"""Points of both times, as callers write them, read in the ledger's zone."""

from datetime import date, datetime
from typing import NamedTuple

from dateline.cursors import Pin
from dateline.domain import errors
from dateline.domain.answers import Basis
from dateline.domain.questions import Point
from dateline.domain.recorded import FIRST_HASH, Mark
from dateline.domain.rule import Policy
from dateline.domain.times import (
    Instant,
    Zone,
    datetime_of,
    instant_of,
    print_datetime,
    print_instant,
    read_instant,
)
from dateline.projections import log
from dateline.projections.recording import Clock
from dateline.projections.store import OPEN_END, Cursor

On = str | date
"""A point of public time: a day as ``YYYY-MM-DD``, or an instant with an offset."""

RecordedBy = str | int | date | None
"""A point of record time: a position, an instant, a day, or nothing for the head."""


class RecordPoint(NamedTuple):
    """A moment of record time.

    Attributes:
        hash: of the event at the position.
        is_fixed: whether asking again later means the same position.
    """

    position: int
    recorded_at: datetime | None
    hash: str = FIRST_HASH
    is_fixed: bool = True

    @property
    def mark(self) -> Mark:
        """What pins an answer to the position, in this history."""
        return Mark(self.position, self.hash)


class Asked(NamedTuple):
    """Both points of a question, read in the ledger's zone."""

    on: str
    known_until: Instant
    moment: RecordPoint

    @property
    def point(self) -> Point:
        return Point(self.known_until, self.moment.position)

    def basis(self, policy: Policy) -> Basis:
        return Basis(
            on=self.on,
            known_until=datetime_of(self.known_until),
            position=self.moment.position,
            recorded_at=self.moment.recorded_at,
            policy=policy,
        )


class Points:
    """Reads the points of questions to one ledger."""

    def __init__(self, zone: Zone, clock: Clock) -> None:
        self._zone = zone
        self._clock = clock

    def asked(self, cursor: Cursor, on: On, recorded_by: RecordedBy) -> Asked:
        text = point_text(on, "on")
        try:
            known_until = self._zone.known_until(text)
        except errors.InvalidTime as error:
            error.field = "on"
            raise
        if "T" in text:
            text = print_instant(known_until)
        return Asked(text, known_until, self.resolve(cursor, recorded_by))

    def pinned(self, cursor: Cursor, asked: Asked, pin: Pin) -> Asked:
        """Return the same question at the position of its first page."""
        return asked._replace(moment=self.pinned_moment(cursor, asked.moment, pin))

    def pinned_moment(
        self, cursor: Cursor, asked: RecordPoint, pin: Pin
    ) -> RecordPoint:
        """Return the point of record time of a question's first page.

        Raises:
            InvalidCursor: it is not the one asked, or not in the ledger.
        """
        if asked.is_fixed and asked.position != pin.position:
            raise errors.InvalidCursor("it was made for another recorded_by")
        moment = self.moment(cursor, min(pin.position, OPEN_END))
        if moment.position != pin.position:
            raise pin.lost()
        pin.check(moment.hash)
        return moment

    def resolve(self, cursor: Cursor, recorded_by: RecordedBy) -> RecordPoint:
        """Read a point of record time: the last position at or before it."""
        if recorded_by is None:
            return self._head(cursor)
        text = point_text(recorded_by, "recorded_by")
        if text.isascii() and text.isdigit():
            return self._at_position(cursor, text)
        head = self._head(cursor)
        now = instant_of(self._clock())
        if head.recorded_at is not None:
            now = max(now, instant_of(head.recorded_at))
        try:
            if "T" in text:
                until = read_instant(text)
                is_ahead = until > now
            else:
                until = self._zone.known_until(text)
                today = self._zone.day(now)
                is_ahead = text > today
                if text == today:
                    return head
        except errors.InvalidTime as error:
            error.field = "recorded_by"
            raise
        if is_ahead:
            raise errors.NotYetRecorded(text, head.position)
        found = self.moment(cursor, log.last_of_moment(cursor, until))
        # Between the head and the present something may still be recorded: by a clock
        # that went back, or by a writer that has yet to commit.
        is_fixed = head.recorded_at is not None and until <= instant_of(
            head.recorded_at
        )
        return found._replace(is_fixed=is_fixed)

    def _head(self, cursor: Cursor) -> RecordPoint:
        return self.moment(cursor, OPEN_END)._replace(is_fixed=False)

    def _at_position(self, cursor: Cursor, text: str) -> RecordPoint:
        position = min(int(text), OPEN_END) if len(text) < 20 else OPEN_END
        found = self.moment(cursor, position)
        if found.position != position and position > self._head(cursor).position:
            raise errors.NotYetRecorded(text, found.position)
        return found

    def moment(self, cursor: Cursor, position: int) -> RecordPoint:
        moment = log.moment(cursor, position)
        if moment is None:
            return RecordPoint(0, None)
        return RecordPoint(
            moment.position, datetime_of(moment.recorded_at), moment.hash
        )


def point_text(point: str | int | date, parameter: str) -> str:
    """Write a point as the ledger reads it.

    Raises:
        InvalidTime: a time of day without a zone.
    """
    if isinstance(point, str):
        return point
    if isinstance(point, datetime):
        if point.tzinfo is None:
            raise errors.InvalidTime(
                f"{parameter} {point.isoformat()!r} needs a time zone", parameter
            )
        return print_datetime(point)
    return point.isoformat() if isinstance(point, date) else str(point)
