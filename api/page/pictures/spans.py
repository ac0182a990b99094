"""A claim's life as a strip: which status it had, day by day of public time.

A day shows what was so at its end. What began and ended within a day shares the day's
room with what followed it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dateline.api.page.pictures.calendar import Days
from dateline.domain.answers import Span
from dateline.domain.rule import Status
from dateline.domain.times import Zone, instant_of, print_datetime

MOST_STRETCHES = 200
"""More would be narrower than what can be seen or hit."""

_PHONE, _SCREEN = 300, 1_000
"""Widths, in pixels, that a strip has at the least where it is looked at."""

_MARK, _LETTER = 26, 8
"""Room that is taken, in pixels, by a mark and by each letter of the word beside it."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of public time over which the status is the same.

    Attributes:
        day: the day on which it begins.
        on: a point of public time at which it has just begun.
        until: where the next one begins; nothing: still.
        x, width: of the strip, in percent.
        size: a word for what there is room for.
    """

    status: Status
    begins: datetime
    until: datetime | None
    day: str
    on: str
    x: float
    width: float
    size: str


@dataclass(frozen=True)
class Strip:
    """The strip, and where the day looked at is in it, in percent.

    Attributes:
        ticks: where anything changed, the status or not; none if that is everywhere.
    """

    stretches: Sequence[Stretch]
    ticks: Sequence[float]
    x: float
    width: float


def strip_of(spans: Sequence[Span], days: Days, zone: Zone) -> Strip:
    """Lay out a claim's spans over the days that can be looked at."""
    xs = _places(spans, days, zone)
    first_ones = [
        index
        for index, span in enumerate(spans)
        if not index or spans[index - 1].status is not span.status
    ]
    drawn = _thinned(first_ones, xs, spans)
    stretches = []
    for index, following in zip(drawn, [*drawn[1:], None], strict=False):
        end = 1.0 if following is None else xs[following]
        share = end - xs[index]
        stretches.append(
            Stretch(
                status=spans[index].status,
                begins=spans[index].from_,
                until=None if following is None else spans[following].from_,
                day=zone.day(instant_of(spans[index].from_)),
                on=point_of(spans, index, zone),
                x=round(xs[index] * 100, 3),
                width=round(share * 100, 3),
                size=_size(spans[index].status, share),
            )
        )
    ticks = sorted({round(x * 100, 1) for x in xs})
    return Strip(
        stretches=stretches,
        ticks=ticks if len(ticks) <= MOST_STRETCHES else [],
        x=round(days.index / days.count * 100, 3),
        width=round(100 / days.count, 3),
    )


def point_of(spans: Sequence[Span], index: int, zone: Zone) -> str:
    """Return a point of public time at which a span holds: its first day, if it can.

    A span that ends on the day it began on is met at its first instant only.
    """
    begins = instant_of(spans[index].from_)
    day = zone.day(begins)
    until = spans[index].until
    end = zone.known_until(day)
    if begins <= end and (until is None or instant_of(until) > end):
        return day
    return print_datetime(spans[index].from_)


def _size(status: Status, share: float) -> str:
    """Return a word for what there is room for, on a phone and on a wide screen."""
    named = _MARK + _LETTER * len(status)
    for least, width, word in (
        (named, _PHONE, "whole"),
        (named, _SCREEN, "wide"),
        (_MARK, _PHONE, "some"),
        (_MARK, _SCREEN, "narrow"),
    ):
        if share * width >= least:
            return word
    return "sliver"


def _places(spans: Sequence[Span], days: Days, zone: Zone) -> list[float]:
    """Return where each span begins, as a share of the strip."""
    first = date.fromisoformat(days.first)
    on_days = [
        (date.fromisoformat(zone.day(instant_of(span.from_))) - first).days
        for span in spans
    ]
    sharing, placed = Counter(on_days), Counter[int]()
    xs = []
    for day in on_days:
        xs.append((day + placed[day] / sharing[day]) / days.count)
        placed[day] += 1
    return xs


def _thinned(
    indexes: Sequence[int], xs: Sequence[float], spans: Sequence[Span]
) -> list[int]:
    """Leave one where several begin in the same column, if they are too many."""
    if len(indexes) <= MOST_STRETCHES:
        return list(indexes)
    last = {int(xs[index] * MOST_STRETCHES): index for index in indexes}
    kept: list[int] = []
    for index in last.values():
        if not kept or spans[kept[-1]].status is not spans[index].status:
            kept.append(index)
    return kept
