"""Both times of a topic's statements: public time across, record time downwards.

Each statement is a mark. Where there are too many for that, a mark stands for those of
about the same time, and is larger. A statement that was recorded late lies below the
line of those that were recorded as they became known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from dateline.domain.answers import Arrival, Arrivals

WIDTH, HEIGHT, LINE_HEIGHT = 1_000, 360, 60
MOST_MARKS_APART = 400
ACROSS, DOWN = 60, 24
"""Cells of a crowded picture: the statements of one cell are one mark."""

_MARGIN = 14
_LATE_SECONDS = 86_400


@dataclass(frozen=True)
class Mark:
    """Statements that became known, and were recorded, at about the same time."""

    x: float
    y: float
    radius: float
    arrivals: Sequence[Arrival]

    @property
    def first(self) -> Arrival:
        return self.arrivals[0]

    @property
    def is_late(self) -> bool:
        return is_late(self.first)

    @property
    def is_voided(self) -> bool:
        return self.first.voided


@dataclass(frozen=True)
class Axes:
    """The picture of all arrivals up to a position.

    Attributes:
        begins, ends: public time and record time of its corners.
        late: how many statements are late.
    """

    marks: Sequence[Mark]
    begins: tuple[datetime, datetime]
    ends: tuple[datetime, datetime]
    late: int
    height: int
    width: int = WIDTH

    def x(self, known_until: datetime) -> float:
        """Return where an instant of public time is; the edge, if beyond."""
        return _place(known_until, self.begins[0], self.ends[0], self.width)

    def y(self, recorded_at: datetime) -> float:
        """Return where an instant of record time is; the edge, if beyond."""
        return _place(recorded_at, self.begins[1], self.ends[1], self.height)


def axes_of(found: Arrivals) -> Axes | None:
    """Lay out the arrivals of a topic; nothing if there are none."""
    arrivals = found.arrivals
    if not arrivals:
        return None
    known = [one.known_from for one in arrivals]
    taken = [one.recorded_at for one in arrivals]
    axes = Axes(
        marks=(),
        begins=(min(known), min(taken)),
        ends=(max(known), max(taken)),
        late=sum(map(is_late, arrivals)),
        height=HEIGHT if min(taken) < max(taken) else LINE_HEIGHT,
    )
    return Axes(**{**vars(axes), "marks": _marks(arrivals, axes)})


def _marks(arrivals: Sequence[Arrival], axes: Axes) -> list[Mark]:
    is_crowded = len(arrivals) > MOST_MARKS_APART
    width, height = axes.width / ACROSS, axes.height / DOWN
    cells: dict[tuple[float, float, bool, bool], list[Arrival]] = {}
    for one in arrivals:
        x, y = axes.x(one.known_from), axes.y(one.recorded_at)
        if is_crowded:
            x, y = (x // width + 0.5) * width, (y // height + 0.5) * height
        cells.setdefault((x, y, one.voided, is_late(one)), []).append(one)
    return [
        Mark(round(x, 1), round(y, 1), _radius(len(some)), some)
        for (x, y, _, _), some in cells.items()
    ]


def _radius(count: int) -> float:
    """Return how large a mark is, so that its area tells how many it stands for."""
    return round(min(3.5 + 0.7 * sqrt(count - 1), 10.0), 1)


def is_late(arrival: Arrival) -> bool:
    """Tell whether a statement was recorded more than a day after it was known."""
    late = arrival.recorded_at - arrival.known_from
    return late.total_seconds() > _LATE_SECONDS


def _place(moment: datetime, begin: datetime, end: datetime, length: int) -> float:
    """Return where an instant is on an axis that is as long as the picture."""
    if end <= begin:
        return length / 2
    part = (moment - begin).total_seconds() / (end - begin).total_seconds()
    return round(_MARGIN + min(max(part, 0.0), 1.0) * (length - 2 * _MARGIN), 1)
