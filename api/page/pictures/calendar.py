"""How a topic's statuses add up, day by day: a column for each day of public time.

Where there are more days than columns, a column shows the last day that it stands for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dateline.api.page.meanings import STATUSES
from dateline.domain.answers import Calendar
from dateline.domain.rule import Status

WIDTH, HEIGHT = 1_000, 120
MOST_COLUMNS = 200

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Column:
    """The state at the end of a day.

    Attributes:
        counts: how many claims there are of each status.
    """

    day: str
    x: float
    width: float
    counts: Mapping[Status, int]


@dataclass(frozen=True)
class Days:
    """The days that can be looked at, and the one that is.

    Attributes:
        first: the first of them.
        count: how many there are.
        index: of the day looked at, from 0.
        news: the days on which something became known.
        shapes: what all columns have of each status, as the data of a path.
        x: where the day looked at is in the picture.
    """

    first: str
    count: int
    index: int
    news: Sequence[str]
    columns: Sequence[Column]
    shapes: Sequence[tuple[Status, str]]
    x: float

    @property
    def width(self) -> int:
        return WIDTH

    @property
    def height(self) -> int:
        return HEIGHT

    def day(self, index: int) -> str | None:
        """Return a day by its index, if it can be looked at."""
        if not 0 <= index < self.count:
            return None
        return (date.fromisoformat(self.first) + index * _DAY).isoformat()

    @property
    def before(self) -> str | None:
        return self.day(self.index - 1)

    @property
    def after(self) -> str | None:
        return self.day(self.index + 1)

    @property
    def news_before(self) -> str | None:
        """The last day with news before the one looked at."""
        day = self.day(self.index) or ""
        return max((one for one in self.news if one < day), default=None)

    @property
    def news_after(self) -> str | None:
        """The first day with news after the one looked at."""
        day = self.day(self.index) or ""
        return min((one for one in self.news if one > day), default=None)

    @property
    def last(self) -> str:
        return self.day(self.count - 1) or self.first


def days_of(calendar: Calendar, on: str, *others: str) -> Days:
    """Lay out the days of a topic.

    They go from the day before anything was known to the last day of news.

    Args:
        on: the day that is looked at; it is always among them.
        others: days that must be among them too.
    """
    news = [day.day for day in calendar.days]
    at = date.fromisoformat(on)
    points = [*map(date.fromisoformat, [*news, *others]), at]
    first = min(points)
    if news and first.isoformat() == news[0] and first > date.min:
        first -= _DAY
    count = (max(points) - first).days + 1
    index = (at - first).days
    columns = _columns(calendar, first, count)
    return Days(
        first=first.isoformat(),
        count=count,
        index=index,
        news=news,
        columns=columns,
        shapes=_shapes(columns),
        x=(index + 0.5) / count * WIDTH,
    )


def _columns(calendar: Calendar, first: date, count: int) -> list[Column]:
    columns = min(count, MOST_COLUMNS)
    width = WIDTH / columns
    found: list[Column] = []
    waiting = list(reversed(calendar.days))
    counts: Mapping[Status, int] = {}
    for number in range(columns):
        last = first + (((number + 1) * count) // columns - 1) * _DAY
        while waiting and waiting[-1].day <= last.isoformat():
            counts = waiting.pop().counts
        found.append(Column(last.isoformat(), number * width, width, counts))
    return found


def _shapes(columns: Sequence[Column]) -> list[tuple[Status, str]]:
    """Stack what the columns count, what calls for attention on top."""
    most = max((sum(one.counts.values()) for one in columns), default=0) or 1
    below = [float(HEIGHT)] * len(columns)
    found = []
    for status in reversed(STATUSES):
        data = []
        for number, column in enumerate(columns):
            if height := column.counts.get(status, 0) / most * HEIGHT:
                below[number] -= height
                width = max(column.width - 1, column.width * 0.9)
                corner = f"M{column.x:.1f} {below[number]:.1f}"
                data.append(f"{corner}h{width:.1f}v{height:.1f}h-{width:.1f}z")
        if data:
            found.append((status, "".join(data)))
    return found
