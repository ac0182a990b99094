"""What answers name by id, looked up: events, sources, the texts of claims."""

from collections.abc import Sequence
from contextlib import suppress

from dateline.domain.errors import UnknownEvent
from dateline.domain.recorded import Recorded
from dateline.domain.times import Zone
from dateline.ledger import Ledger


class Lookup:
    """Events and names of one ledger, as they stand at a position."""

    def __init__(self, ledger: Ledger, position: int) -> None:
        self.zone = Zone(ledger.timezone)
        self._ledger = ledger
        self._position = position
        self._names: dict[str, str] = {}

    def events(self, ids: Sequence[str]) -> list[Recorded]:
        """Return the events that have these ids, in their order."""
        found = []
        for id in ids:
            with suppress(UnknownEvent):  # a basis may name a source as well
                found.append(self._ledger.event(id))
        return found

    def event(self, id: str) -> Recorded:
        """Return the event with an id that an answer named."""
        return self._ledger.event(id)

    def name(self, source: str) -> str:
        """Return a source's name."""
        if source not in self._names:
            found = self._ledger.source(source, recorded_by=self._position)
            self._names[source] = found.name
        return self._names[source]

    def text(self, claim: str, on: str) -> str:
        """Return a claim's wording."""
        return self._ledger.claim(claim, on=on, recorded_by=self._position).text
