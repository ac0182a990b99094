"""Looking things up by id, in batches: one thread call for all that a tick asks.

Nothing is kept between batches: a subscription may live for months. What is asked
twice in a batch is looked up once.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from strawberry.dataloader import DataLoader

from dateline.api.graphql.answered import Answered, Basis
from dateline.api.services import Services
from dateline.domain.answers import as_json
from dateline.domain.events import STANCES
from dateline.domain.recorded import Recorded
from dateline.domain.times import LAST, print_instant
from dateline.ledger import Ledger

_FAR_END = print_instant(LAST)
_UNSAID: dict[str, Any] = {"strength": None, "basis": None, "via": (), "language": None}
_ENVELOPE = ("id", "position", "recorded_at", "recorder")


class Kind(Enum):
    """What can be looked up by its id."""

    SOURCE = "source"
    TOPIC = "topic"
    DOCUMENT = "document"
    CLAIM = "claim"
    EVENT = "event"


class Key(NamedTuple):
    """A thing at a position."""

    id: str
    position: int


def flat(recorded: Recorded) -> dict[str, Any]:
    """Return an event as fields of the schema read it; ``json`` is as exported."""
    stored = recorded.stored
    stance = STANCES.get(recorded.type)
    return {
        **({} if stance is None else {**_UNSAID, "stance": stance.value}),
        **recorded.event.model_dump(mode="json"),
        **{name: stored[name] for name in _ENVELOPE},
        "json": stored,
    }


_FIND: dict[Kind, Callable[[Ledger, Key], dict[str, Any]]] = {
    Kind.SOURCE: lambda ledger, key: as_json(
        ledger.source(key.id, recorded_by=key.position)
    ),
    Kind.TOPIC: lambda ledger, key: as_json(
        ledger.topic(key.id, recorded_by=key.position)
    ),
    Kind.DOCUMENT: lambda ledger, key: as_json(
        ledger.document(key.id, recorded_by=key.position)
    ),
    Kind.CLAIM: lambda ledger, key: as_json(
        ledger.claim(key.id, on=_FAR_END, recorded_by=key.position)
    ),
    Kind.EVENT: lambda ledger, key: flat(ledger.event(key.id)),
}


class Loaders:
    """One loader for each kind of thing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._loaders: dict[Kind, DataLoader[Key, dict[str, Any]]] = {
            kind: DataLoader(self._batch(kind), cache=False) for kind in Kind
        }

    async def one(self, kind: Kind, id: str, basis: Basis) -> Answered:
        """Return a thing as it stood at the position of an answer."""
        key = Key(id, basis["position"])
        return Answered(await self._loaders[kind].load(key), basis)

    async def many(
        self, kind: Kind, ids: Sequence[str], basis: Basis
    ) -> list[Answered]:
        """Return things as they stood at the position of an answer, in order."""
        position = basis["position"]
        found = await self._loaders[kind].load_many([Key(id, position) for id in ids])
        return [Answered(json, basis) for json in found]

    def _batch(self, kind: Kind) -> Callable[[list[Key]], Any]:
        find, ledger = _FIND[kind], self._services.ledger

        def look_up(keys: list[Key]) -> list[dict[str, Any]]:
            found = {key: find(ledger, key) for key in dict.fromkeys(keys)}
            return [found[key] for key in keys]

        async def batch(keys: list[Key]) -> list[dict[str, Any]]:
            return await self._services.ask(look_up, keys)

        return batch
