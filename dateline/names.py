"""What answers name by id, looked up as it stands at a position: for people to read."""

from collections.abc import Sequence
from contextlib import suppress

from dateline.domain.answers import DocumentState, TopicState
from dateline.domain.errors import UnknownEvent, UnknownReference
from dateline.domain.recorded import Recorded
from dateline.domain.times import LAST, Zone, print_instant
from dateline.ledger import Ledger

_FAR_END = print_instant(LAST)
"""A wording does not depend on public time."""


class Names:
    """Names of one ledger's sources, claims, topics and documents, and its events.

    Args:
        position: record time.
    """

    def __init__(self, ledger: Ledger, position: int) -> None:
        self.zone = Zone(ledger.timezone)
        self._ledger, self._position = ledger, position
        self._sources: dict[str, str] = {}
        self._claims: dict[str, str] = {}

    def source(self, id: str) -> str:
        """Return a source's name; its id, if it is not registered at the position."""
        if id not in self._sources:
            name = id
            with suppress(UnknownReference):
                name = self._ledger.source(id, recorded_by=self._position).name
            self._sources[id] = name
        return self._sources[id]

    def claim(self, id: str) -> str:
        """Return a claim's wording; its id, if it is not framed at the position."""
        if id not in self._claims:
            text = id
            with suppress(UnknownReference):
                found = self._ledger.claim(id, on=_FAR_END, recorded_by=self._position)
                text = found.text
            self._claims[id] = text
        return self._claims[id]

    def topic(self, id: str) -> TopicState:
        """Return a topic."""
        return self._ledger.topic(id, recorded_by=self._position)

    def document(self, id: str) -> DocumentState:
        """Return a document as it stands at the position."""
        return self._ledger.document(id, recorded_by=self._position)

    def event(self, id: str) -> Recorded:
        """Return the event with an id that an answer named."""
        return self._ledger.event(id)

    def events(self, ids: Sequence[str]) -> list[Recorded]:
        """Return the events that have these ids, in their order."""
        found = []
        for id in ids:
            with suppress(UnknownEvent):  # a basis may name a source as well
                found.append(self._ledger.event(id))
        return found
