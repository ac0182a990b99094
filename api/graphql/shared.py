"""Work that the readers of a feed share: an event is read once, and told to all."""

from collections.abc import Callable
from typing import Any

from dateline.api.graphql.answered import Answered

KEPT = 256


class Shared:
    """What was made of the last things that were delivered, by their identity."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Answered]] = {}

    def once(self, thing: Any, make: Callable[[Any], Answered]) -> Answered:
        """Return what is made of a thing, made by whoever is the first to ask."""
        found = self._made.get(id(thing))
        if found is not None:  # while it is kept here, nothing else has its id
            return found[1]
        made = make(thing)
        if len(self._made) >= KEPT:
            self._made.clear()
        self._made[id(thing)] = thing, made
        return made
