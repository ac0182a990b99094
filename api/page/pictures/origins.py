"""On whose knowledge a claim's standings rest: who stands, what they cite, origins.

Draws what the rule read (docs/explanation/independence-by-origin.md) and decides
nothing: what the lines lead to is what an explanation answers, and a test holds that.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dateline.domain.answers import StandingExplained
from dateline.domain.events import BasisWord
from dateline.domain.standings import Stated

MOST_NODES = 80
"""More nobody could follow; who is left out is told in the table."""

MOST_LINES = 200

WIDTH, HEIGHT, GAP, DROP = 200, 44, 110, 14
"""Of a node, and between nodes, across and down."""


class Kind(StrEnum):
    """What a node is."""

    STANDS = "stands"
    CITED = "cited"
    LOST = "lost"
    VOIDED = "voided"
    UNHEARD = "unheard"
    ORIGIN = "origin"


class Node(NamedTuple):
    """A node: what it is, and the source or the statement that it is of."""

    kind: Kind
    id: str


@dataclass(frozen=True)
class Line:
    """One step of a path; ``is_circular`` if the path comes back to where it was."""

    begin: Node
    end: Node
    is_circular: bool

    @property
    def is_withdrawn(self) -> bool:
        return self.end.kind in (Kind.LOST, Kind.VOIDED)


@dataclass(frozen=True)
class Placed:
    """A node, and where it is drawn."""

    node: Node
    x: float
    y: float
    is_circular: bool


@dataclass(frozen=True)
class Graph:
    """The picture.

    Attributes:
        left_out: how many standings that rest on something are not drawn.
        silent: the sources on a side that do not say on whose knowledge.
    """

    nodes: Mapping[Node, Placed]
    lines: Sequence[Line]
    width: float
    height: float
    left_out: int
    silent: Sequence[str]

    def steps(self) -> Iterator[tuple[Node, list[Line]]]:
        """Yield each node that leads somewhere, with its lines."""
        for node in self.nodes:
            lines = [line for line in self.lines if line.begin == node]
            if lines:
                yield node, lines


class Reading:
    """Reads the bases of standings as the rule does.

    Args:
        standings: of an explanation.
        known: the statements that count at the point, by id.
        voided: the ids of the claim's statements that are void at the point.
        principal_of: returns a source's principal, followed to its end.
    """

    def __init__(
        self,
        standings: Sequence[StandingExplained],
        known: Mapping[str, Stated],
        voided: Collection[str],
        principal_of: Callable[[str], str],
    ) -> None:
        self._held = {one.source: known[one.statement] for one in standings}
        self._known, self._voided = known, voided
        self._principal_of = principal_of
        self._ends: dict[Node, list[Node]] = {}

    def ends(self, node: Node) -> list[Node]:
        """Return the nodes that a node leads to."""
        if node not in self._ends:
            self._ends[node] = list(dict.fromkeys(self._read(node)))
        return self._ends[node]

    def closure(self, node: Node) -> set[Node]:
        """Return the nodes that can be reached; no more than can be drawn."""
        found: set[Node] = set()
        waiting = [node]
        while waiting and len(found) <= MOST_NODES:
            for end in self.ends(waiting.pop()):
                if end not in found:
                    found.add(end)
                    waiting.append(end)
        return found

    def _read(self, node: Node) -> Iterator[Node]:
        if node.kind not in (Kind.STANDS, Kind.CITED):
            return
        held = self._held.get(node.id)
        is_cited = node.kind is Kind.CITED
        if held is None or (is_cited and held.basis is BasisWord.UNKNOWN):
            yield Node(Kind.ORIGIN, self._principal_of(node.id))
            return
        to_read, read = [held], {held.id}
        while to_read:
            citing = to_read.pop()
            if citing.basis is BasisWord.OWN:
                yield Node(Kind.ORIGIN, self._principal_of(citing.source))
            if isinstance(citing.basis, BasisWord):
                continue
            for name, is_statement in citing.basis:
                earlier = self._known.get(name) if is_statement else None
                if earlier is not None and earlier.source == citing.source:
                    if earlier.side != citing.side:
                        yield Node(Kind.LOST, citing.source)
                    elif name not in read:
                        read.add(name)
                        to_read.append(earlier)
                elif is_statement and earlier is None:
                    is_void = name in self._voided
                    yield Node(Kind.VOIDED if is_void else Kind.UNHEARD, name)
                else:
                    source = name if earlier is None else earlier.source
                    yield self._led_to(source, citing)

    def _led_to(self, source: str, citing: Stated) -> Node:
        """Return what a cited source is: standing by it, not any more, or silent."""
        held = self._held.get(source)
        if held is not None:
            is_lost = held.side != citing.side
            return Node(Kind.LOST if is_lost else Kind.CITED, source)
        is_itself = self._principal_of(source) == source
        return Node(Kind.ORIGIN if is_itself else Kind.CITED, source)


def graph_of(standings: Sequence[StandingExplained], reading: Reading) -> Graph | None:
    """Lay out on whose knowledge standings rest; nothing if none says it."""
    sided = [one for one in standings if one.side is not None]
    resting, silent = [], []
    for one in sided:
        if reading.ends(Node(Kind.STANDS, one.source)):
            resting.append(one)
        else:
            silent.append(one.source)
    if not resting:
        return None
    drawn: dict[Node, None] = {}
    left_out = 0
    for one in sorted(resting, key=_remarkable):
        begin = Node(Kind.STANDS, one.source)
        together = [*drawn, begin, *reading.closure(begin)]
        count = sum(len(reading.ends(node)) for node in set(together))
        if len(set(together)) > MOST_NODES or count > MOST_LINES:
            left_out += 1
        else:
            drawn |= dict.fromkeys(together)
    ends = {node: reading.ends(node) for node in drawn}
    reached = {node: _reached(node, ends) for node in ends}
    lines = [
        Line(begin, end, begin in reached[end]) for begin in ends for end in ends[begin]
    ]
    nodes, width, height = _placed(list(drawn), lines)
    return Graph(nodes, lines, width, height, left_out, silent)


def _remarkable(standing: StandingExplained) -> tuple[bool, bool, str, str]:
    """Return the order of drawing: what is flagged, and what cites, comes first."""
    cites = not isinstance(standing.basis, BasisWord)
    flags = {"circular", "basis_withdrawn"}.intersection(standing.flags)
    return not flags, not cites, standing.side or "", standing.source


def _reached(begin: Node, ends: Mapping[Node, Sequence[Node]]) -> set[Node]:
    found: set[Node] = set()
    waiting = [begin]
    while waiting:
        for end in ends[waiting.pop()]:
            if end not in found:
                found.add(end)
                waiting.append(end)
    return found


def _placed(
    nodes: Sequence[Node], lines: Sequence[Line]
) -> tuple[dict[Node, Placed], float, float]:
    """Place nodes in columns: beyond all that lead to them, origins at the right."""
    column = dict.fromkeys(nodes, 0)
    straight = [line for line in lines if not line.is_circular]
    for line in lines:
        column[line.end] = 1
    is_moved = True
    while is_moved:  # ends, since lines that are not circular run in no circle
        is_moved = False
        for line in straight:
            if column[line.end] <= column[line.begin]:
                column[line.end] = column[line.begin] + 1
                is_moved = True
    last = max(column.values())
    for node in nodes:
        if node.kind is Kind.ORIGIN:
            column[node] = last
    circular = {line.begin for line in lines if line.is_circular}
    row: dict[Node, float] = {}
    for number in range(last + 1):
        some = [node for node in nodes if column[node] == number]
        led = {
            node: [row[line.begin] for line in lines if _leads(line, node, row)]
            for node in some
        }
        some.sort(key=lambda node: sum(led[node]) / len(led[node]) if led[node] else 0)
        row |= {node: float(place) for place, node in enumerate(some)}
    rows = max(row.values()) + 1
    counts = Counter(column.values())
    placed = {
        node: Placed(
            node,
            x=column[node] * (WIDTH + GAP) + 1,
            y=(row[node] + (rows - counts[column[node]]) / 2) * (HEIGHT + DROP) + 1,
            is_circular=node in circular,
        )
        for node in nodes
    }
    width = last * (WIDTH + GAP) + WIDTH + 2
    return placed, width, rows * (HEIGHT + DROP) - DROP + 2


def _leads(line: Line, node: Node, row: Mapping[Node, float]) -> bool:
    return line.end == node and line.begin in row
