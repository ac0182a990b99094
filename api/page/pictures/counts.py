"""What some claims come to: a bar for those of a kind, a part for each status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dateline.api.page.meanings import STATUSES
from dateline.domain.rule import Status

TOP, ROW = 8, 68

_LABELLED_FROM = 8.0
"""Percent of the width that a part has at least for its shape and its number."""


@dataclass(frozen=True)
class Part:
    """The claims of one status, in percent of the picture's width."""

    status: Status
    count: int
    x: float
    width: float

    @property
    def is_labelled(self) -> bool:
        return self.width >= _LABELLED_FROM


@dataclass(frozen=True)
class Bar:
    """The claims of a kind: of a topic, or found in one way."""

    title: str
    y: int
    count: int
    parts: Sequence[Part]


@dataclass(frozen=True)
class Bars:
    """The picture, and what it shows."""

    label: str
    bars: Sequence[Bar]
    height: int


def bars_of(label: str, kinds: Sequence[tuple[str, Mapping[Status, int]]]) -> Bars:
    """Lay out kinds of claims by title, the bars as long as there are claims."""
    most = max((sum(counts.values()) for _, counts in kinds), default=0) or 1
    bars = [
        Bar(title, TOP + number * ROW, sum(counts.values()), _parts(counts, most))
        for number, (title, counts) in enumerate(kinds)
    ]
    return Bars(label, bars, 2 * TOP + len(bars) * ROW)


def _parts(counts: Mapping[Status, int], most: int) -> list[Part]:
    parts, x = [], 0.0
    for status in STATUSES:
        if count := counts.get(status):
            width = count / most * 100
            parts.append(Part(status, count, round(x, 3), round(width, 3)))
            x += width
    return parts
