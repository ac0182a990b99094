"""Publishing many messages at once, each at its own place in a stream or not at all.

Every message names the sequence that it must come after. So one that was lost holds
up all that follow, one that comes late or twice is refused, and of two who publish the
same stream only one gets through: there is no way to a gap, a double or a disorder.
"""

import asyncio
from collections.abc import Iterable

import orjson
from nats.aio.msg import Msg
from nats.errors import Error

from dateline.domain.errors import DatelineError, FeedUnavailable, InvalidFeed
from dateline.projections.jetstream.connection import Connection
from dateline.projections.jetstream.messages import Message

UNDER_WAY = 512
"""Messages that are published before the first of them is acknowledged."""

_ANSWER_SECONDS = 5
_LOOK_SECONDS = 0.5
_WRONG_SEQUENCE = 10071
_OTHER_HEADERS_BYTES = 256


class Overtaken(Exception):
    """The stream does not end where we left it: somebody else published."""


class Publisher:
    """Publishes to one stream over one connection.

    Args:
        place: of NATS, for sentences.
    """

    def __init__(self, connection: Connection, stream: str, *, place: str) -> None:
        self._client = connection.client
        self._lost = connection.lost
        self._stream = stream
        self._place = place
        self._answers = ""
        self._run = 0
        self._waiting: set[int] = set()
        self._failed: DatelineError | Overtaken | None = None
        self._moved = asyncio.Event()

    async def publish(self, messages: Iterable[Message], *, after: int) -> int:
        """Publish messages at the sequences after one; return that of the last.

        When this returns, the stream has them all. When it raises, it has the first
        few of them, or none.

        Raises:
            Overtaken: the sequence is taken. FeedUnavailable: there was no room, or no
            answer. InvalidFeed: a message is larger than the server takes.
        """
        self._run += 1
        self._waiting.clear()
        self._failed = None
        sequence = after
        try:
            if not self._answers:
                self._answers = self._client.new_inbox()
                await self._client.subscribe(f"{self._answers}.*.*", cb=self._answered)
            for message in messages:
                while len(self._waiting) >= UNDER_WAY and self._failed is None:
                    await self._move()
                if self._failed is not None:
                    break
                await self._send(message, sequence)
                sequence += 1
        except (OSError, Error) as error:
            raise FeedUnavailable(self._place, str(error)) from None
        while self._waiting and self._failed is None:
            await self._move()
        if self._failed is not None:
            raise self._failed
        return sequence

    async def _send(self, message: Message, after: int) -> None:
        headers = {
            **message.headers,
            "Nats-Expected-Stream": self._stream,
            "Nats-Expected-Last-Sequence": str(after),
        }
        size = len(message.body) + sum(len(n) + len(v) + 4 for n, v in headers.items())
        if size + _OTHER_HEADERS_BYTES > self._client.max_payload:
            raise InvalidFeed(
                f"a message on {message.subject} has {size:,} bytes, and "
                f"{self._place} takes {self._client.max_payload:,}; raise its "
                "max_payload"
            )
        self._waiting.add(after + 1)
        await self._client.publish(
            message.subject,
            message.body,
            reply=f"{self._answers}.{self._run}.{after + 1}",
            headers=headers,
        )

    async def _move(self) -> None:
        """Wait until something is answered.

        Raises:
            FeedUnavailable: nothing was, for long.
        """
        for _ in range(int(_ANSWER_SECONDS / _LOOK_SECONDS)):
            if self._lost.is_set():
                raise FeedUnavailable(self._place, "the connection broke")
            try:
                await asyncio.wait_for(self._moved.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
            self._moved.clear()
            return
        raise FeedUnavailable(self._place, "what was published is not acknowledged")

    async def _answered(self, message: Msg) -> None:
        run, sequence = map(int, message.subject.rsplit(".", 2)[1:])
        if run != self._run or self._failed is not None:
            return
        self._waiting.discard(sequence)
        self._failed = self._failure(message, sequence)
        self._moved.set()

    def _failure(self, message: Msg, sequence: int) -> DatelineError | Overtaken | None:
        """Return what an answer says went wrong."""
        try:
            answer = orjson.loads(message.data)
        except ValueError:  # a status without a body: nobody listens on the subject
            return FeedUnavailable(self._place, "the stream does not answer")
        if (error := answer.get("error")) is not None:
            if error.get("err_code") == _WRONG_SEQUENCE:
                return Overtaken()
            return FeedUnavailable(self._place, str(error.get("description")))
        return None if answer.get("seq") == sequence else Overtaken()
