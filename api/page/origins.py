"""On whose knowledge a claim rests at a point: the graph, and the same in words."""

from functools import cache, partial
from typing import Any

from dateline.api.page.pictures.origins import (
    Graph,
    Kind,
    Line,
    Node,
    Reading,
    graph_of,
)
from dateline.api.page.views import Scene
from dateline.domain.answers import Explanation
from dateline.domain.histories import ClaimHistory
from dateline.domain.questions import statements_at
from dateline.domain.times import instant_of
from dateline.ledger import Ledger
from dateline.words import does

_MEANINGS = {
    Kind.LOST: "withdrawn: left that side",
    Kind.VOIDED: "withdrawn: record void",
    Kind.UNHEARD: "does not count at this point",
    Kind.ORIGIN: "origin",
}


def reading_of(
    ledger: Ledger, explanation: Explanation, history: ClaimHistory
) -> Reading:
    """Return how the bases of a claim's standings read at the point of an answer.

    Args:
        history: of the claim, at least up to the position.
    """
    basis = explanation.basis

    @cache
    def principal_of(source: str) -> str:
        found = ledger.source(source, recorded_by=basis.position).principal
        return source if found == source else principal_of(found)

    counting = statements_at(
        history,
        on=instant_of(basis.known_until),
        recorded_by=basis.position,
        policy=basis.policy,
    )
    return Reading(
        explanation.standings,
        {one.id: one for one in counting},
        history.voided(recorded_by=basis.position),
        principal_of,
    )


def drawn(
    scene: Scene, explanation: Explanation, history: ClaimHistory
) -> dict[str, Any]:
    """Return the graph of origins, with what its nodes and lines are called."""
    reading = reading_of(scene.ledger, explanation, history)
    graph = graph_of(explanation.standings, reading)
    if graph is None:
        silent = [one.source for one in explanation.standings if one.side is not None]
        return {"graph": None, "silent": silent}
    return {
        "graph": graph,
        "silent": graph.silent,
        "said_of": {node: _called(scene, node) for node in graph.nodes},
        "kind_of": _kinds(explanation, graph),
        "does_to": partial(_does_to, scene),
    }


def _called(scene: Scene, node: Node) -> str:
    if node.kind not in (Kind.VOIDED, Kind.UNHEARD):
        return scene.names.source(node.id)
    (event,) = scene.names.events([node.id])
    return scene.names.source(event.stored["source"])


def _kinds(explanation: Explanation, graph: Graph) -> dict[Node, str]:
    """Return what each node is, in words."""
    held = {one.source: does(one.stance, one.strength) for one in explanation.standings}
    kinds = {}
    for node, placed in graph.nodes.items():
        match node.kind:
            case Kind.STANDS:
                kinds[node] = held[node.id]
            case Kind.CITED if placed.is_circular:
                kinds[node] = "cited, circular"
            case Kind.CITED:
                kinds[node] = "cited"
            case _:
                kinds[node] = _MEANINGS[node.kind]
    return kinds


def _does_to(scene: Scene, line: Line) -> str:
    """Say what a line of the graph stands for, after the name of where it begins."""
    end = _called(scene, line.end)
    match line.end.kind:
        case Kind.ORIGIN if line.begin.kind is Kind.STANDS:
            return f"rests on what {end} knows"
        case Kind.ORIGIN:
            return f"leads to what {end} knows"
        case Kind.CITED | Kind.STANDS if line.is_circular:
            return f"rests on {end}, who rests on it in turn: circular"
        case Kind.LOST:
            return f"rested on {end}, who is no longer on that side: withdrawn"
        case Kind.VOIDED:
            return f"rested on a statement of {end} whose record is void: withdrawn"
        case Kind.UNHEARD:
            return f"rests on a statement of {end} that does not count at this point"
        case _:
            return f"rests on {end}"
