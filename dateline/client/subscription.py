"""Following a ledger from afar: server-sent events, from one connection to the next.

A thread reads ahead of the caller, for a bounded number of events. The cursor that
came with what it read last is where it goes on when a connection is lost.
"""

import queue
import socket
import threading
import time
import weakref
from collections.abc import Collection
from contextlib import closing, suppress

import httpx
import orjson
from httpx_sse import EventSource, ServerSentEvent
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from dateline.client.errors import error_of
from dateline.client.server import (
    EVENT_STREAM,
    PASSING,
    Parameters,
    Passing,
    Server,
    pauses,
)
from dateline.cursors import decode_place
from dateline.domain.errors import InvalidCursor
from dateline.domain.recorded import LogEntry, Recorded
from dateline.projections.codec import CODEC
from dateline.projections.feed import Subscription, Taken

_PATH = "/events"
_AHEAD = 256
_LOOK_SECONDS = 0.5


class RemoteSubscription(Subscription):
    """Events after a cursor, for ever; a lost connection is made again.

    ``cursor`` goes with ``position``: a new subscription after either goes on where
    this one was. What the server refuses is raised where the events are asked for.

    Args:
        parameters: ``after``, and which events are wanted.
        types: the wanted ones; what is of another type is passed.
        identity: the ledger's, which its cursors name.
        silence: seconds without a sign of life after which a connection is given up.
    """

    def __init__(
        self,
        server: Server,
        parameters: Parameters,
        *,
        types: Collection[str] | None,
        identity: str,
        silence: float,
    ) -> None:
        self.cursor = str(parameters["after"])
        super().__init__(decode_place(self.cursor, identity).pin.position)
        self._reached = Taken(None, self.position, self.cursor)
        self._reader = _Reader(server, parameters, types, identity, silence)
        self._end = weakref.finalize(self, self._reader.close)
        self._reader.start(self.position)

    def close(self) -> None:
        """End the iteration, and the connection."""
        super().close()
        self._end()

    def _take(self, timeout: float) -> Taken:
        until = time.monotonic() + timeout
        while not self._closed.is_set():
            read = self._reader.next(max(0.0, until - time.monotonic()))
            if read is None:
                break
            if isinstance(read, Exception):
                self.close()
                raise read
            self._reached = read._replace(recorded=None)
            if read.recorded is not None:
                return read
        return self._reached

    def _deliver(self, taken: Taken) -> Recorded | None:
        assert taken.cursor is not None
        self.cursor = taken.cursor
        return super()._deliver(taken)


class _Reader:
    """The thread of one subscription; it ends when it is closed."""

    def __init__(
        self,
        server: Server,
        parameters: Parameters,
        types: Collection[str] | None,
        identity: str,
        silence: float,
    ) -> None:
        self._server = server
        self._parameters = parameters
        self._types = types
        self._identity = identity
        self._silence = silence
        self._last: str | None = None
        self._position = 0
        self._read: queue.Queue[Taken | Exception | None] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._open: httpx.Response | None = None
        self._lock = threading.Lock()

    def start(self, position: int) -> None:
        """Connect, and begin to read.

        Raises:
            DatelineError: what the server says. ServerUnreachable.
        """
        self._position = position
        response = self._server.begin(
            _PATH, self._parameters, EVENT_STREAM, silence=self._silence
        )
        threading.Thread(
            target=self._run, args=(response,), name="dateline-client", daemon=True
        ).start()

    def next(self, timeout: float) -> Taken | Exception | None:
        """Return what was read next, or why nothing more is; nothing if in vain."""
        try:
            return self._read.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the thread, whatever it waits for, and let go who waits for it."""
        self._closed.set()
        with self._lock:
            if self._open is not None:
                _hang_up(self._open)
        with suppress(queue.Full):
            self._read.put_nowait(None)

    def _run(self, begun: httpx.Response | None) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type(Passing),
            wait=pauses(),
            sleep=sleep_using_event(self._closed),
            stop=stop_when_event_set(self._closed),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    self._follow(begun or self._connect(), attempt.retry_state)
                begun = None
        except Passing:
            return  # closed
        except Exception as error:  # the caller's to handle, in the caller's thread
            self._put(error)

    def _connect(self) -> httpx.Response:
        return self._server.begin_once(
            _PATH,
            self._parameters,
            EVENT_STREAM,
            last=self._last,
            silence=self._silence,
        )

    def _follow(self, response: httpx.Response, state: RetryCallState) -> None:
        """Read one connection to its end.

        Raises:
            Passing: it ended, and the subscription goes on with another.
        """
        with closing(response):
            with self._lock:
                self._open = response
            try:
                for count, message in enumerate(EventSource(response).iter_sse()):
                    if self._closed.is_set():
                        break
                    if count:  # more than the greeting: it works, so pause briefly
                        state.attempt_number = 1
                    self._take_in(message)
            except httpx.RequestError as error:
                raise self._server.lost(error) from error
            finally:
                with self._lock:
                    self._open = None
        raise self._server.lost("the stream ended")

    def _take_in(self, message: ServerSentEvent) -> None:
        document = orjson.loads(message.data)
        if message.event == "end":
            raise self._server.lost("the server stops")
        if message.event == "error":
            error = error_of(document)
            raise Passing(error) if document["status"] in PASSING else error
        recorded = None
        if message.event != "heartbeat":
            recorded = CODEC.decode(LogEntry.from_json(document))
            if self._types is not None and recorded.type not in self._types:
                recorded = None
        with suppress(InvalidCursor):  # a later release may write them otherwise
            self._position = decode_place(message.id, self._identity).pin.position
        self._put(Taken(recorded, self._position, message.id))
        self._last = message.id

    def _put(self, read: Taken | Exception) -> None:
        """Hand over what was read, when there is room."""
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._read.put(read, timeout=_LOOK_SECONDS)
                return


def _hang_up(response: httpx.Response) -> None:
    """Wake the thread that reads a response: closing it would not."""
    stream = response.extensions.get("network_stream")
    connection = None if stream is None else stream.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
