"""What objects of the schema are resolved from: the JSON of the contract.

A field's default is the entry of its own name. An entry that names something by id
becomes a reference, which costs no look-up while nothing but the id is selected.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

Basis = dict[str, Any]
"""The basis of an answer as JSON; all that counts here is its ``position``."""


class Answered(NamedTuple):
    """One object of an answer, and the basis that the answer was given at."""

    json: dict[str, Any]
    basis: Basis

    @property
    def position(self) -> int:
        position: int = self.basis["position"]
        return position


def read(source: Answered, name: str) -> Any:
    """Return the entry of a field that has no resolver."""
    return source.json[name]


def named(id: str, basis: Basis) -> Answered:
    """Return what is known by its id alone."""
    return Answered({"id": id}, basis)


def part(name: str) -> Callable[[Answered], Any]:
    """Return a resolver of an object within the object, which may be null."""

    def resolve(root: Answered) -> Any:
        value = root.json[name]
        return None if value is None else Answered(value, root.basis)

    return resolve


def parts(name: str) -> Callable[[Answered], Any]:
    """Return a resolver of a list of objects within the object."""

    def resolve(root: Answered) -> Any:
        return [Answered(value, root.basis) for value in root.json[name]]

    return resolve


def entry(name: str) -> Callable[[Answered], Any]:
    """Return a resolver of an entry whose name the field cannot have."""

    def resolve(root: Answered) -> Any:
        return root.json[name]

    return resolve
