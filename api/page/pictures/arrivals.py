"""Both times of a topic's statements: public time across, record time downwards.

Each statement is a mark; where many would lie upon one another, a mark is larger and
says for how many it stands. A statement that was recorded late lies below the line of
those that were recorded on the day that they became known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dateline.domain.answers import Arrival, Arrivals

WIDTH, HEIGHT, LINE_HEIGHT = 1_000, 360, 60
ACROSS, DOWN = 100, 36
"""Cells of the picture: those of one cell are one mark."""

_MARGIN = 14
_LATE_SECONDS = 86_400


@dataclass(frozen=True)
class Mark:
    """Statements that became known, and were recorded, at about the same time."""

    x: float
    y: float
    radius: float
    arrivals: Sequence[Arrival]
    is_late: bool
    is_voided: bool
    is_known: bool


@dataclass(frozen=True)
class Axes:
    """The picture, and where the point looked at is in it."""

    marks: Sequence[Mark]
    x: float
    y: float
    begins: tuple[datetime, datetime]
    ends: tuple[datetime, datetime]
    late: int
    height: int
    width: int = WIDTH


def axes_of(
    found: Arrivals, *, known_until: datetime, recorded_at: datetime | None
) -> Axes | None:
    """Lay out the arrivals of a topic; nothing if there are none."""
    arrivals = found.arrivals
    if not arrivals:
        return None
    known = [*(one.known_from for one in arrivals), known_until]
    taken = [one.recorded_at for one in arrivals]
    taken.append(recorded_at or taken[0])
    across = _Axis(min(known), max(known), WIDTH)
    height = HEIGHT if min(taken) < max(taken) else LINE_HEIGHT
    down = _Axis(min(taken), max(taken), height)
    cells: dict[tuple[int, int, bool], list[Arrival]] = {}
    for one in arrivals:
        x, y = across.at(one.known_from), down.at(one.recorded_at)
        cell = int(x / WIDTH * ACROSS), int(y / height * DOWN), one.voided
        cells.setdefault(cell, []).append(one)
    marks = [
        Mark(
            x=across.at(some[0].known_from),
            y=down.at(some[0].recorded_at),
            radius=4 + min(8.0, (len(some) - 1) ** 0.5),
            arrivals=some,
            is_late=any(map(is_late, some)),
            is_voided=is_voided,
            is_known=some[0].known_from <= known_until,
        )
        for (_, _, is_voided), some in cells.items()
    ]
    return Axes(
        marks=marks,
        x=across.at(known_until),
        y=down.at(taken[-1]),
        begins=(min(known), min(taken)),
        ends=(max(known), max(taken)),
        late=sum(map(is_late, arrivals)),
        height=height,
    )


def is_late(arrival: Arrival) -> bool:
    """Tell whether a statement was recorded more than a day after it was known."""
    late = arrival.recorded_at - arrival.known_from
    return late.total_seconds() > _LATE_SECONDS


class _Axis:
    """A time axis that is as long as the picture, without its margins."""

    def __init__(self, begin: datetime, end: datetime, length: int) -> None:
        self._begin, self._length = begin, length
        self._seconds = (end - begin).total_seconds()

    def at(self, moment: datetime) -> float:
        """Return where an instant is."""
        room = self._length - 2 * _MARGIN
        if not self._seconds:
            return self._length / 2
        part = (moment - self._begin).total_seconds() / self._seconds
        return round(_MARGIN + part * room, 1)
