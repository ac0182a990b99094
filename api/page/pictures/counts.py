"""What each topic's claims come to: a bar for each topic, a part for each status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dateline.api.page.meanings import STATUSES
from dateline.domain.rule import Status

TOP, ROW = 8, 52


@dataclass(frozen=True)
class Part:
    """The claims of one status, in percent of the picture's width."""

    status: Status
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """A topic's claims."""

    title: str
    y: int
    count: int
    parts: Sequence[Part]


@dataclass(frozen=True)
class Bars:
    """The picture."""

    bars: Sequence[Bar]
    height: int


def bars_of(topics: Sequence[tuple[str, Mapping[Status, int]]]) -> Bars:
    """Lay out topics by title, the bars as long as there are claims."""
    most = max((sum(counts.values()) for _, counts in topics), default=0) or 1
    bars = [
        Bar(title, TOP + number * ROW, sum(counts.values()), _parts(counts, most))
        for number, (title, counts) in enumerate(topics)
    ]
    return Bars(bars, 2 * TOP + len(bars) * ROW)


def _parts(counts: Mapping[Status, int], most: int) -> list[Part]:
    parts, x = [], 0.0
    for status in STATUSES:
        if count := counts.get(status):
            width = count / most * 100
            parts.append(Part(status, count, round(x, 3), round(width, 3)))
            x += width
    return parts
