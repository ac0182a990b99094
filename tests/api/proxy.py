"""A network that breaks: a TCP proxy in front of a server, which cuts connections."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)
_CHUNK = 65_536

Budget = Callable[[], int | None]
"""How many bytes of answers the next connection lets through before it is cut.

0 cuts it when the answer begins; None never.
"""


class Fate(Enum):
    """What becomes of something that a client sends, and of its connection."""

    PASSED = auto()
    DROPPED = auto()
    """It is cut, and the server gets nothing of it."""
    UNANSWERED = auto()
    """The server gets it, and it is cut when the answer comes."""


Judge = Callable[[bytes], Fate]
"""Decides on what a client sends."""


def never() -> int | None:
    """Let every connection live."""
    return None


def passed(_: bytes) -> Fate:
    """Let everything pass."""
    return Fate.PASSED


class Proxy:
    """Passes connections on to a server. Any thread may use it.

    Attributes:
        target: the URL of the server that new connections go to.
        budget: of new connections; see :data:`Budget`.
        judge: of what clients send.
        chunk: at most so many bytes are passed on at once.
        is_mute: swallow what the server says, and cut nothing.
        connections: how many there have been.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.budget: Budget = never
        self.judge: Judge = passed
        self.chunk = _CHUNK
        self.is_mute = False
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._doomed: set[tuple[socket.socket, socket.socket]] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Where the proxy is."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def open_connections(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._pairs)

    def cut(self) -> None:
        """Cut all connections."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)

    def close(self) -> None:
        """Cut all connections, and take no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                target = urlsplit(self.target)
                try:
                    far = socket.create_connection((target.hostname, target.port))
                except OSError:  # the server is down, and the client is to notice
                    near.close()
                    continue
                self._begin((near, far))

    def _begin(self, pair: tuple[socket.socket, socket.socket]) -> None:
        near, far = pair
        with self._lock:
            self.connections += 1
            self._pairs.add(pair)
        pumps = ((near, far, None), (far, near, self.budget()))
        for source, sink, budget in pumps:
            threading.Thread(
                target=self._pump, args=(pair, source, sink, budget), daemon=True
            ).start()

    def _pump(
        self,
        pair: tuple[socket.socket, socket.socket],
        source: socket.socket,
        sink: socket.socket,
        budget: int | None,
    ) -> None:
        with suppress(OSError):  # the other pump has cut it
            while part := source.recv(self.chunk):
                if source is pair[0]:
                    fate = self.judge(part)
                    if fate is Fate.DROPPED:
                        break
                    if fate is Fate.UNANSWERED:
                        self._doomed.add(pair)
                elif self.is_mute:
                    continue
                elif pair in self._doomed:
                    break
                if budget is not None:
                    part = part[:budget]
                    budget -= len(part)
                sink.sendall(part)
                if budget == 0:
                    break
        self._cut(pair)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """End both connections at once, without a goodbye."""
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
            self._doomed.discard(pair)
        for end in pair:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxying(target: str) -> Iterator[Proxy]:
    """Run a proxy in front of the server at a URL."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
