"""What a ledger's stream delivers, received in a thread into a bounded buffer.

Only what there is room for is asked for, so a slow reader makes the stream wait, and
not this process grow. Nothing here is believed yet: :mod:`dateline.projections.
jetstream.feed` holds it against the log.
"""

import asyncio
import random
import threading
import time
from collections import deque
from contextlib import suppress
from logging import getLogger
from typing import NamedTuple

import orjson
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import api

from dateline.domain.errors import FeedUnavailable, InvalidFeed
from dateline.projections.jetstream.connection import Connection, Connector
from dateline.projections.jetstream.messages import Carried, Unreadable, read
from dateline.projections.jetstream.stream import translated
from dateline.projections.jetstream.subjects import Subjects

BUFFERED_EVENTS = 4_096
BUFFERED_BYTES = 16 * 2**20

_BATCH = 256
_EXPIRES_SECONDS = 30
_HEARTBEAT_SECONDS = 2
_SILENCE_SECONDS = 5
_LOOK_SECONDS = 0.5
_UNWANTED_SECONDS = 10
_FORGOTTEN_SECONDS = 60
_LONGEST_PAUSE_SECONDS = 5.0
_NANOSECONDS = 10**9

log = getLogger(__name__)


class Received(NamedTuple):
    """An event that was delivered.

    Attributes:
        is_replayed: it was in the stream already when we began to receive.
    """

    carried: Carried
    size: int
    is_replayed: bool


class Receiver:
    """Receives one ledger's events while somebody wants them.

    Everything public may be used by any thread.

    Attributes:
        is_connected: whether there is a connection to NATS.
        is_live: whether the stream is delivering.
        reached: the last event that was delivered, wanted or not.
    """

    def __init__(self, connector: Connector, subjects: Subjects) -> None:
        self._connector = connector
        self._subjects = subjects
        self._place = connector.address.printed
        self.is_connected = self.is_live = False
        self.reached: Carried | None = None
        self._changed = threading.Condition()
        self._buffer: deque[Received] = deque()
        self._bytes = 0
        self._wanted_at = float("-inf")
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = self._is_to_renew = False
        # What follows belongs to the thread's event loop.
        self._stirred = asyncio.Event()
        self._owed = 0
        self._heard_at = 0.0
        self._is_replaying = False
        self._complaint = ""

    def start(self) -> None:
        """Connect, and stay connected until closed."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=lambda: asyncio.run(self._run()),
                    name="dateline-jetstream",
                    daemon=True,
                )
                self._thread.start()

    def close(self) -> None:
        """End the connection and the thread."""
        self._is_closed = True
        self._stir()
        if self._thread is not None:
            self._thread.join()

    def want(self) -> None:
        """Say that somebody reads; without that the stream is left after a while."""
        was_wanted = self._is_wanted
        self._wanted_at = time.monotonic()
        if not was_wanted:
            self.start()
            self._stir()

    def wait(self, position: int, timeout: float) -> bool:
        """Wait for an event beyond a position; tell whether there is one.

        Also returns when the stream begins or ceases to deliver.
        """
        with self._changed:
            was_live = self.is_live
            self._changed.wait_for(
                lambda: self._last > position or self.is_live != was_live, timeout
            )
            return self._last > position

    def beyond(self, position: int, limit: int) -> list[Received]:
        """Forget what is not beyond a position; return the first of what is."""
        with self._changed:
            was_full = not self._room
            while self._buffer and self._buffer[0].carried.entry.position <= position:
                self._bytes -= self._buffer.popleft().size
            found = [one for one, _ in zip(self._buffer, range(limit), strict=False)]
        if was_full:
            self._stir()
        return found

    def renew(self) -> None:
        """Connect anew, perhaps to another server of the cluster.

        A server, or the copy of the stream that it has, may hang while others go on.
        """
        self._is_to_renew = True
        self._stir()

    def forget(self) -> None:
        """Forget all that was received."""
        with self._changed:
            self._buffer.clear()
            self._bytes = 0
        self._stir()

    @property
    def last(self) -> int:
        """The position of the last event that waits to be taken; 0 if none does."""
        with self._changed:
            return self._last

    @property
    def _last(self) -> int:
        return self._buffer[-1].carried.entry.position if self._buffer else 0

    @property
    def _room(self) -> int:
        if self._bytes >= BUFFERED_BYTES:
            return 0
        return max(0, BUFFERED_EVENTS - len(self._buffer))

    @property
    def _is_wanted(self) -> bool:
        return time.monotonic() - self._wanted_at < _UNWANTED_SECONDS

    def _stir(self) -> None:
        """Let the thread look at what is so now."""
        if (loop := self._loop) is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._stirred.set)

    # --- the thread -------------------------------------------------------------------

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        failures = 0
        while not self._is_closed:
            try:
                async with self._connector.connected() as connection:
                    self.is_connected, self._is_to_renew = True, False
                    failures = 0
                    log.info("connected to %s", self._place)
                    await self._serve(connection)
            except (FeedUnavailable, InvalidFeed) as error:
                failures += 1
                self._complain(str(error))
            finally:
                self.is_connected = False
                self._set_live(False)
            pause = min(0.1 * 2.0**failures, _LONGEST_PAUSE_SECONDS)
            await self._rest(pause * random.uniform(0.8, 1.2))

    async def _serve(self, connection: Connection) -> None:
        """Use one connection until it is lost, or is not to be used any more."""
        while not (self._is_closed or self._is_to_renew):
            try:
                if self._is_wanted:
                    await self._receive(connection)
            except FeedUnavailable as error:  # perhaps no relay has made the stream yet
                self._complain(str(error))
            if connection.lost.is_set():
                raise FeedUnavailable(self._place, "the connection broke")
            await self._rest(_LOOK_SECONDS)

    async def _receive(self, connection: Connection) -> None:
        """Receive what the stream has last, and what comes, while it is wanted."""
        jetstream, stream = connection.jetstream, self._subjects.stream
        answers = connection.client.new_inbox()
        async with translated(self._place):
            consumer = await jetstream.add_consumer(
                stream,
                ack_policy=api.AckPolicy.NONE,
                deliver_policy=api.DeliverPolicy.LAST,
                filter_subject=self._subjects.events,
                inactive_threshold=_FORGOTTEN_SECONDS,
                mem_storage=True,
                num_replicas=1,
            )
            receiving = await connection.client.subscribe(answers, cb=self._take)
        self._owed, self._is_replaying = 0, consumer.num_pending != 0
        self._heard_at = time.monotonic()
        self.forget()
        self._set_live(True)
        self._complaint = ""
        try:
            while self._is_wanted and not (self._is_closed or self._is_to_renew):
                if connection.lost.is_set():
                    return
                await self._ask(connection, consumer.name, answers)
                await self._rest(_LOOK_SECONDS)
        finally:
            self._set_live(False)
            self.forget()
            with suppress(OSError, Error):
                await receiving.unsubscribe()
                await jetstream.delete_consumer(stream, consumer.name)

    async def _ask(self, connection: Connection, consumer: str, answers: str) -> None:
        """Ask for as much as there is room for, unless something is still owed."""
        if self._owed:
            if time.monotonic() - self._heard_at > _SILENCE_SECONDS:
                raise FeedUnavailable(self._place, "the stream gives no sign of life")
            return
        with self._changed:
            room = self._room
        if not room:
            return
        self._owed = min(room, _BATCH)
        self._heard_at = time.monotonic()
        asked = {
            "batch": self._owed,
            "expires": _EXPIRES_SECONDS * _NANOSECONDS,
            "idle_heartbeat": _HEARTBEAT_SECONDS * _NANOSECONDS,
        }
        async with translated(self._place):
            await connection.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._subjects.stream}.{consumer}",
                orjson.dumps(asked),
                reply=answers,
            )

    async def _take(self, message: Msg) -> None:
        """Take in an event, or what the stream says of itself."""
        self._heard_at = time.monotonic()
        status = (message.headers or {}).get("Status")
        if status is not None:
            if status != "100":  # not a heartbeat: the request has ended
                self._owed = 0
                self._stirred.set()
            return
        self._owed = max(0, self._owed - 1)
        if not self._owed:
            self._stirred.set()
        try:
            carried = read(message.headers, message.data)
        except Unreadable as error:
            self._complain(
                f"a message on {message.subject} is none of a relay's ({error}); let "
                "nobody else publish there"
            )
            return
        size = len(message.data)
        with self._changed:
            self._buffer.append(Received(carried, size, self._is_replaying))
            self._bytes += size
            self.reached = carried
            self._changed.notify_all()
        self._is_replaying = False

    def _set_live(self, is_live: bool) -> None:
        with self._changed:
            self.is_live = is_live
            self._changed.notify_all()

    def _complain(self, sentence: str) -> None:
        """Log what is wrong, once until something else is."""
        if sentence != self._complaint:
            self._complaint = sentence
            log.warning("%s", sentence)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), seconds)
        self._stirred.clear()
