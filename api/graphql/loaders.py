"""Looking things up by id, in batches: one thread call for all that a tick asks.

Nothing is kept between batches: a subscription may live for months. What is asked
twice in a batch is looked up once.
"""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from strawberry.dataloader import DataLoader

from dateline.api.graphql.answered import Answered, Basis
from dateline.domain.answers import as_json
from dateline.domain.errors import UnknownEvent
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


def _event(ledger: Ledger, key: Key) -> Recorded:
    """Return an event.

    Raises:
        NotYetRecorded: the ledger has not come to the position of the answer.
        UnknownEvent: it has, and no event has the id.
    """
    try:
        return ledger.event(key.id)
    except UnknownEvent:
        ledger.resolve(key.position)
        raise


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
    Kind.EVENT: lambda ledger, key: flat(_event(ledger, key)),
}


class Loaders:
    """One loader for each kind of thing.

    Args:
        ask: puts a question to a ledger.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
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
        find = _FIND[kind]

        def look_up(ledger: Ledger, keys: list[Key]) -> list[dict[str, Any]]:
            found = {key: find(ledger, key) for key in dict.fromkeys(keys)}
            return [found[key] for key in keys]

        async def batch(keys: list[Key]) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = await self._ask(look_up, keys)
            return found

        return batch
