"""What pages name by id, looked up as it stands at a position."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from dateline.domain.answers import DocumentState, TopicState
from dateline.domain.errors import UnknownEvent, UnknownReference
from dateline.domain.recorded import Recorded
from dateline.ledger import Ledger


class Names:
    """Names of one ledger's sources, claims, topics and documents at a point.

    Args:
        on: public time; a claim's wording does not depend on it.
        position: record time.
    """

    def __init__(self, ledger: Ledger, on: str, position: int) -> None:
        self._ledger, self._on, self._position = ledger, on, position
        self._sources: dict[str, str] = {}
        self._claims: dict[str, str] = {}
        self._topics: dict[str, TopicState] = {}

    def source(self, id: str) -> str:
        """Return a source's name; its id, if it is not registered at the position."""
        if id not in self._sources:
            name = id
            with suppress(UnknownReference):
                name = self._ledger.source(id, recorded_by=self._position).name
            self._sources[id] = name
        return self._sources[id]

    def sources(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return ids with their names, in the order given."""
        return [(id, self.source(id)) for id in ids]

    def claim(self, id: str) -> str:
        """Return a claim's wording; its id, if it is not framed at the position."""
        if id not in self._claims:
            text = id
            with suppress(UnknownReference):
                found = self._ledger.claim(id, on=self._on, recorded_by=self._position)
                text = found.text
            self._claims[id] = text
        return self._claims[id]

    def topic(self, id: str) -> TopicState:
        """Return a topic."""
        if id not in self._topics:
            self._topics[id] = self._ledger.topic(id, recorded_by=self._position)
        return self._topics[id]

    def document(self, id: str) -> DocumentState:
        """Return a document as it stands at the position."""
        return self._ledger.document(id, recorded_by=self._position)

    def events(self, ids: Sequence[str]) -> list[Recorded]:
        """Return the events that have these ids, in their order."""
        found = []
        for id in ids:
            with suppress(UnknownEvent):  # a basis may name a source as well
                found.append(self._ledger.event(id))
        return found
