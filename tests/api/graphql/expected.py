"""What GraphQL is to answer, from what the library answers: a plain second mapping."""

from typing import Any

REFERENCES = frozenset(
    (
        *("for", "against", "confirmed_by", "refuted_by", "withheld_by"),
        *("retracted_by", "statements", "topics", "source", "claim", "claims"),
        *("statement", "origins", "because", "awaits", "fulfilled_by", "principal"),
        *("publisher", "event"),
    )
)
WORDS = frozenset(
    ("status", "flags", "stance", "strength", "side", "state", "implicit")
)


def mapped(value: Any, name: str = "") -> Any:
    """Return a piece of an answer as GraphQL has it, references by id."""
    if isinstance(value, dict):
        return {camel(key): mapped(inner, key) for key, inner in value.items()}
    if name == "basis":
        return rests_on(value)
    if isinstance(value, list):
        return [mapped(inner, name) for inner in value]
    if isinstance(value, str) and name in REFERENCES:
        return {"id": value}
    if isinstance(value, str) and name in WORDS:
        return value.upper().replace(" ", "_")
    return value


def rests_on(basis: Any) -> Any:
    """Return what a statement rests on."""
    if basis is None:
        return None
    refs = basis if isinstance(basis, list) else []
    return {"own": basis == "own", "unknown": basis == "unknown", "refs": refs}


def camel(name: str) -> str:
    """Return ``recorded_at`` as ``recordedAt``."""
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


def claim(state: dict[str, Any]) -> Any:
    """Return a claim's state; its basis is asked for elsewhere."""
    return mapped({key: state[key] for key in state if key != "basis"})


def knowledge(answer: dict[str, Any]) -> Any:
    """Return what was known."""
    return {
        "basis": mapped(answer["basis"]),
        "counts": [
            {"status": status.upper(), "count": count}
            for status, count in answer["counts"].items()
        ],
        "claims": {"nodes": [claim(state) for state in answer["claims"]]},
        "possiblyKnown": mapped(answer["possibly_known"]),
    }


def explanation(answer: dict[str, Any]) -> Any:
    """Return why."""
    rest = {key: answer[key] for key in answer if key != "claim"}
    return {**mapped(rest), "claim": claim(answer["claim"])}


def changes(answer: dict[str, Any]) -> Any:
    """Return what differs."""
    return {
        "from": mapped(answer["from"]),
        "to": mapped(answer["to"]),
        "nodes": mapped(answer["changes"]),
    }
