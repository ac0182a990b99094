"""An event as NATS carries it: the exported line, and in headers what goes with it.

No connection here: this module only writes and reads.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import orjson

from dateline.domain.errors import InvalidEvent
from dateline.domain.recorded import LogEntry
from dateline.projections.feed import Facets, Told
from dateline.projections.jetstream.subjects import Subjects

MESSAGE_ID = "Nats-Msg-Id"
POSITION = "Dateline-Position"
PREVIOUS = "Dateline-Previous"
"""The position of the event before: who has that one misses none."""
CURSOR = "Dateline-Cursor"
"""What a reader of the ledger goes on after, over any interface."""
FACETS = {"claims": "Dateline-Claims", "sources": "Dateline-Sources"} | {
    "topics": "Dateline-Topics"
}
"""What the event is about, as filters ask it: slugs with spaces between them."""
LEFT_OUT = "Dateline-Facets"
"""Says that the facets are too many for headers; the ledger knows them."""

_HEADER_BYTES = 32_768
"""Of JetStream's 64 kB; the rest is for all other headers."""

Cursor = Callable[[LogEntry], str]


class Message(NamedTuple):
    """What is published: where, with which headers, and the event's line."""

    subject: str
    headers: Mapping[str, str]
    body: bytes


class Carried(NamedTuple):
    """An event that came with a message, and the position of the one before it.

    Attributes:
        facets: what it is about; None if the message could not say.
    """

    previous: int
    entry: LogEntry
    facets: Facets | None


class Unreadable(Exception):
    """A message is none of a relay's."""


def messages_of(
    told: Told, *, previous: int, subjects: Subjects, cursor: Cursor
) -> Iterator[Message]:
    """Yield the messages of an event, always the same ones in the same order.

    The first is the feed's; the topics follow by name.
    """
    entry, facets = told
    body = orjson.dumps(entry.to_json())
    message_id = f"{subjects.identity}:{entry.position}"
    headers = {
        POSITION: str(entry.position),
        PREVIOUS: str(previous),
        CURSOR: cursor(entry),
        **_facet_headers(facets),
    }
    yield Message(subjects.event(entry.type), {MESSAGE_ID: message_id, **headers}, body)
    for topic in sorted(facets.topics):
        yield Message(
            subjects.of_topic(topic, entry.type),
            {MESSAGE_ID: f"{message_id}:{topic}", **headers},
            body,
        )


def read(headers: Mapping[str, str] | None, body: bytes) -> Carried:
    """Read what a relay published.

    Raises:
        Unreadable: it was no relay of dateline's.
    """
    headers = headers or {}
    try:
        entry = LogEntry.from_json(orjson.loads(body))
        position, previous = int(headers[POSITION]), int(headers[PREVIOUS])
    except (KeyError, ValueError, TypeError, AttributeError, InvalidEvent) as error:
        raise Unreadable(repr(error)) from None
    if not 0 <= previous < position == entry.position:
        raise Unreadable(f"position {position} after {previous} is {entry.position}")
    facets = None
    if LEFT_OUT not in headers:
        facets = Facets(
            **{
                name: frozenset(headers.get(header, "").split())
                for name, header in FACETS.items()
            }
        )
    return Carried(previous, entry, facets)


def _facet_headers(facets: Facets) -> dict[str, str]:
    named = {
        header: " ".join(sorted(getattr(facets, name)))
        for name, header in FACETS.items()
    }
    if sum(map(len, named.values())) > _HEADER_BYTES:
        return {LEFT_OUT: "too many"}
    return {header: slugs for header, slugs in named.items() if slugs}
