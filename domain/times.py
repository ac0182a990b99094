"""Dates as sources give them: EDTF level 0, read in the ledger's time zone.

A value stands for every instant it may mean, from its earliest to its latest, both
inclusive. Instants are whole microseconds since 1970-01-01T00:00:00Z: integers that
compare, store and subtract without surprises. No clock is read here.

EDTF is ISO 8601-2:2019, profile of the Library of Congress:
https://www.loc.gov/standards/datetime/ (level 0; the open ends of level 1 for
``about`` only). The ``edtf`` package reads more, without zones; a test holds the two
against each other (docs/adr/0004).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateline.domain.errors import (
    ImpossibleDate,
    InvalidTime,
    InvalidTimezone,
    ReversedInterval,
    SkippedDay,
)

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z, UTC without leap seconds."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)

FIRST: Instant = (datetime.min - _NAIVE_EPOCH) // _MICROSECOND
LAST: Instant = (datetime.max - _NAIVE_EPOCH) // _MICROSECOND
"""The instants that can be printed: years 0001 to 9999. Periods are cut to them."""

_DAY: Instant = 86_400_000_000

_NOT_ZONES = frozenset(("localtime", "posixrules", "Factory"))
"""Files beside a system's copy of the database; ``right/`` ones count leap seconds."""

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}(?::([0-9]{2}))?)"
)


class Period(NamedTuple):
    """The instants that a date may mean, both ends inclusive."""

    earliest: Instant
    latest: Instant


def instant_of(moment: datetime) -> Instant:
    """Count the microseconds of an aware datetime."""
    return (moment - EPOCH) // _MICROSECOND


def datetime_of(instant: Instant) -> datetime:
    """Return an instant as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=instant)


@lru_cache(maxsize=65_536)
def print_instant(instant: Instant) -> str:
    """Print in UTC with ``Z``, with six decimals unless these are zero."""
    return print_datetime(datetime_of(instant))


def print_datetime(moment: datetime) -> str:
    """Print an aware datetime in UTC as :func:`print_instant` does."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


@lru_cache(maxsize=65_536)
def read_instant(text: str) -> Instant:
    """Read an instant, which needs an offset or ``Z``.

    Raises:
        InvalidTime: not written as one. ImpossibleDate: no such day or time of day.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise InvalidTime(f"{text!r} is not an instant such as 2024-10-22T09:30:00Z")
    try:
        if text[11:13] > "23" or (match[1] or "00") > "59":
            raise ValueError
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ImpossibleDate(f"{text!r} does not exist; check it") from None
    instant = instant_of(moment)
    if not FIRST <= instant <= LAST:
        raise ImpossibleDate(f"{text!r} lies outside the years 0001 to 9999")
    return instant


@lru_cache(maxsize=65_536)
def normalise(text: str, *, open_ends: bool = False) -> str:
    """Check an EDTF level 0 value without a zone; print its instants in UTC.

    Raises:
        InvalidTime: not EDTF level 0. ImpossibleDate: as 2024-02-30.
    """
    if "/" not in text:
        return _normalise_end(text)
    begin, _, end = text.partition("/")
    ends = [
        part if open_ends and part == ".." else _normalise_end(part)
        for part in (begin, end)
    ]
    return "/".join(ends)


def _normalise_end(text: str) -> str:
    if "T" in text:
        return print_instant(read_instant(text))
    _first_day(text)
    return text


def _first_day(text: str) -> tuple[date, date | None]:
    """Return the first day of a date, and the first after it (none at the end)."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise InvalidTime(
            f"{text!r} is not a date such as 2024, 2024-10, 2024-10-22, "
            "an instant with an offset, or an interval a/b of these"
        )
    year, month, day = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise ImpossibleDate(f"{text!r} is not in the calendar; check it") from None
    try:
        if day:
            return first, first + timedelta(days=1)
        if month:
            return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        return first, first.replace(year=first.year + 1)
    except (OverflowError, ValueError):
        return first, None


class Zone:
    """A time zone of the IANA database, in which days begin and end."""

    def __init__(self, name: str) -> None:
        try:
            if name in _NOT_ZONES or name.startswith(("posix/", "right/")):
                raise KeyError(name)
            self._zone = ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise InvalidTimezone(
                f"{name!r} is not an IANA time zone such as Europe/Kyiv",
                "timezone",
            ) from None
        self.name = name
        self.period: Callable[[str], Period] = lru_cache(maxsize=65_536)(self._period)
        """Return the instants that an EDTF value may mean in this zone."""

    def day(self, instant: Instant) -> str:
        """Return the day, as ``YYYY-MM-DD``, that an instant falls on here."""
        return datetime_of(instant).astimezone(self._zone).date().isoformat()

    def known_until(self, on: str) -> Instant:
        """Read a point of public time: the end of a day, or an instant itself.

        Raises:
            InvalidTime: neither of them. SkippedDay: this zone has no such day.
        """
        if "T" in on:
            return read_instant(on)
        if len(on) != 10 or "/" in on:
            raise InvalidTime(
                f"{on!r} is not a day such as 2024-10-22, or an instant with an offset"
            )
        return self.period(on).latest

    def _period(self, text: str) -> Period:
        if "/" not in text:
            return self._simple(text)
        begin, _, end = text.partition("/")
        earliest = FIRST if begin == ".." else self._simple(begin).earliest
        latest = LAST if end == ".." else self._simple(end).latest
        if latest < earliest:
            raise ReversedInterval(f"{text!r} ends before it begins; swap its ends")
        return Period(earliest, latest)

    def _simple(self, text: str) -> Period:
        if "T" in text:
            instant = read_instant(text)
            return Period(instant, instant)
        first, after = _first_day(text)
        earliest = self._midnight(first)
        last_midnight = self._midnight(after or date.max)
        latest = last_midnight + (_DAY if after is None else 0) - 1
        if latest < earliest:
            raise SkippedDay(
                f"{text!r} was skipped by the clocks of {self.name}; use an instant"
            )
        return Period(max(earliest, FIRST), min(latest, LAST))

    def _midnight(self, day: date) -> Instant:
        """Return the first instant whose clock shows this day or a later one."""
        wall = datetime(day.year, day.month, day.day)
        count = (wall - _NAIVE_EPOCH) // _MICROSECOND
        before, after = (
            count - self._offset(wall.replace(fold=fold)) for fold in (0, 1)
        )
        if before <= after:
            return before
        low, high = after, before  # midnight falls into a gap: find where it opens
        while low < high:
            middle = (low + high) // 2
            if self._shows(middle) >= wall:
                high = middle
            else:
                low = middle + 1
        return low

    def _offset(self, wall: datetime) -> Instant:
        offset = wall.replace(tzinfo=self._zone).utcoffset()
        assert offset is not None
        return offset // _MICROSECOND

    def _shows(self, instant: Instant) -> datetime:
        return datetime_of(instant).astimezone(self._zone).replace(tzinfo=None)
