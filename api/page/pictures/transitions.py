"""How many claims went from which status to which: rows are before, columns after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dateline.api.page.meanings import STATUSES
from dateline.domain.rule import Status

CELL_WIDTH, CELL_HEIGHT = 64, 34
_LEFT, _TOP = 112, 88
_FAINTEST = 0.12


@dataclass(frozen=True)
class Cell:
    """The claims that went one way; those of ``is_same`` stayed.

    Attributes:
        shade: how many they are, against the most; from 0 to 1.
    """

    before: Status
    after: Status
    count: int
    x: int
    y: int
    shade: float

    @property
    def is_same(self) -> bool:
        return self.before is self.after


@dataclass(frozen=True)
class Transitions:
    """The picture: statuses that occur, and a cell wherever there are claims."""

    before: Sequence[tuple[Status, int]]
    after: Sequence[tuple[Status, int]]
    cells: Sequence[Cell]
    width: int
    height: int
    left: int = _LEFT
    top: int = _TOP
    cell_width: int = CELL_WIDTH
    cell_height: int = CELL_HEIGHT


def transitions_of(counts: Mapping[tuple[Status, Status], int]) -> Transitions:
    """Lay out how many claims went from one status to another."""
    before = _places((one for one, _ in counts), _TOP, CELL_HEIGHT)
    after = _places((other for _, other in counts), _LEFT, CELL_WIDTH)
    most = max(counts.values(), default=1)
    cells = [
        Cell(
            before=one,
            after=other,
            count=counts[one, other],
            x=after[other],
            y=before[one],
            shade=round(max(_FAINTEST, counts[one, other] / most), 2),
        )
        for one in before
        for other in after
        if (one, other) in counts
    ]
    return Transitions(
        before=list(before.items()),
        after=list(after.items()),
        cells=cells,
        width=_LEFT + CELL_WIDTH * max(1, len(after)),
        height=_TOP + CELL_HEIGHT * max(1, len(before)),
    )


def _places(found: Iterable[Status], begin: int, step: int) -> dict[Status, int]:
    occurring = set(found)
    shown = [status for status in STATUSES if status in occurring]
    return {status: begin + number * step for number, status in enumerate(shown)}
