"""A ledger's stream as somebody else's program sees it, and as it has to be.

Read with the client's own consumer, and held against what the ledger answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import nats
import orjson
from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext, api
from nats.js.errors import APIError

from dateline import Ledger

T = TypeVar("T")

_WRONG_SEQUENCE = 10_071
"""What JetStream answers if a message expects another last sequence."""


class Published(NamedTuple):
    """A message of the stream."""

    subject: str
    headers: dict[str, str]
    body: bytes

    @property
    def position(self) -> int:
        return int(self.headers["Dateline-Position"])


def stream_name(ledger: Ledger) -> str:
    return f"dateline_{ledger.identity}"


def asked(url: str, ask: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    """Ask JetStream something over a connection of its own."""

    async def main() -> T:
        client: Client = await nats.connect(url.split(","))
        try:
            return await ask(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(main())


def state_of(url: str, ledger: Ledger) -> api.StreamState:
    """Return how many messages there are, and which."""

    async def ask(jetstream: JetStreamContext) -> api.StreamState:
        return (await jetstream.stream_info(stream_name(ledger))).state

    return asked(url, ask)


def is_whole(url: str, ledger: Ledger) -> bool:
    """Tell whether every server of a cluster has all of the stream."""

    async def ask(jetstream: JetStreamContext) -> bool:
        found = (await jetstream.stream_info(stream_name(ledger))).cluster
        assert found is not None
        replicas = found.replicas or []
        return bool(found.leader) and all(
            one.current and not one.offline for one in replicas
        )

    try:
        return asked(url, ask)
    except (OSError, Error, TimeoutError):
        return False


def takes_messages(url: str, ledger: Ledger) -> bool:
    """Tell whether the stream answers a plain client that publishes to it.

    The message names a sequence that the stream never had, so that it is refused.
    """
    subject = f"dateline.{ledger.identity}.events.ClaimAsserted"
    never = {"Nats-Expected-Last-Sequence": str(2**62)}

    async def ask(jetstream: JetStreamContext) -> bool:
        try:
            await jetstream.publish(subject, b"", headers=never)
        except APIError as refused:
            return refused.err_code == _WRONG_SEQUENCE
        return False

    try:
        return asked(url, ask)
    except (OSError, Error, TimeoutError):
        return False


def reached(url: str, ledger: Ledger) -> int:
    """Return the position of the last message; 0 before the first."""

    async def ask(jetstream: JetStreamContext) -> int:
        name = stream_name(ledger)
        last = (await jetstream.stream_info(name)).state.last_seq
        if not last:
            return 0
        message = await jetstream.get_msg(name, seq=last)
        return int((message.headers or {})["Dateline-Position"])

    return asked(url, ask)


def remake(
    url: str,
    ledger: Ledger,
    messages: Sequence[Published] = (),
    **changes: Any,
) -> None:
    """Delete a ledger's stream, and make it anew with some messages.

    Args:
        changes: of how it was made.
    """

    async def ask(jetstream: JetStreamContext) -> None:
        name = stream_name(ledger)
        config = (await jetstream.stream_info(name)).config
        await jetstream.delete_stream(name)
        await jetstream.add_stream(config.evolve(**changes))
        for subject, headers, body in messages:
            await jetstream.publish(subject, body, headers=headers)

    asked(url, ask)


def remember_no_duplicates(url: str, ledger: Ledger) -> None:
    """Make a ledger's stream anew, so that the server forgets at once what it took."""
    remake(url, ledger, duplicate_window=0.1)


def published(url: str, ledger: Ledger, subject: str = ">") -> list[Published]:
    """Return all messages that the stream has on a subject, in its order."""

    async def ask(jetstream: JetStreamContext) -> list[Published]:
        found: list[Published] = []
        subscription = await jetstream.pull_subscribe(
            subject, stream=stream_name(ledger), config=api.ConsumerConfig()
        )
        pending = (await subscription.consumer_info()).num_pending or 0
        while len(found) < pending:
            batch = min(pending - len(found), 1_000)
            for message in await subscription.fetch(batch, timeout=10):
                await message.ack()
                headers = message.headers or {}
                found.append(Published(message.subject, headers, message.data))
        await subscription.unsubscribe()
        return found

    return asked(url, ask)


def check(url: str, ledger: Ledger, *, after: int = 0) -> None:
    """Check that the stream has every event once, on each of its subjects, in order.

    Args:
        after: where the stream begins.
    """
    messages = published(url, ledger)
    prefix = f"dateline.{ledger.identity}."
    exported = {
        orjson.loads(line)["position"]: line
        for line in ledger.export()
        if orjson.loads(line)["position"] > after
    }
    feed = [one for one in messages if one.subject.startswith(f"{prefix}events.")]
    assert [one.position for one in feed] == list(exported)
    assert [one.body for one in feed] == list(exported.values())
    types = [orjson.loads(one.body)["type"] for one in feed]
    assert [one.subject for one in feed] == [f"{prefix}events.{name}" for name in types]
    previous = [0, *(position for position in exported)][:-1]
    if not after:
        found = [int(one.headers["Dateline-Previous"]) for one in feed]
        assert found == previous
    for one in feed[:: max(1, len(feed) // 50)]:
        place = ledger.place(one.headers["Dateline-Cursor"])
        assert place.position == one.position

    topics = [topic.id for topic in ledger.topics().topics]
    wanted = {
        (topic, event.position)
        for topic in topics
        for event in ledger.events(after, topic=topic)
    }
    found_topics = [
        (unquote(one.subject.removeprefix(prefix).split(".")[1]), one.position)
        for one in messages
        if one.subject.startswith(f"{prefix}topics.")
    ]
    assert sorted(found_topics) == sorted(wanted)
    assert len(feed) + len(found_topics) == len(messages)
    assert [one.position for one in messages] == sorted(
        one.position for one in messages
    )
    ids = [one.headers["Nats-Msg-Id"] for one in messages]
    assert len(set(ids)) == len(ids)
