"""A caller that writes to the socket itself, as slowly and as wrongly as it likes."""

import re
import socket
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

PATIENCE_SECONDS = 30


class Caller:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._host = address.netloc
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.settimeout(PATIENCE_SECONDS)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def begin(self, method: str, path: str, *headers: str) -> None:
        """Send the head of a request."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", *headers, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def chunk(self, data: bytes) -> None:
        """Send a chunk of a body; an empty one ends it."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def status(self) -> tuple[int, str]:
        """Return the status of the response and the rest of its head."""
        head = self._until(b"\r\n\r\n").decode()
        found = re.match(r"HTTP/1.1 (\d+)", head)
        assert found is not None, head
        return int(found[1]), head.lower()

    def body(self, head: str) -> bytes:
        """Return the rest of a response."""
        length = re.search(r"content-length: (\d+)", head)
        if length is not None:
            while len(self._received) < int(length[1]):
                self._receive()
            return self._take(int(length[1]))
        parts = []
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._exactly(size + 2)[:-2])
        return b"".join(parts)

    def line(self) -> Any:
        """Return the next line of a response that comes in chunks of whole lines."""
        size = int(self._until(b"\r\n"), 16)
        return [orjson.loads(one) for one in self._exactly(size + 2).split(b"\n")[:-2]]

    def is_closed(self) -> bool:
        """Tell whether the server closes the connection, reading on to its end."""
        while self._socket.recv(65_536):
            pass
        return True

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        return self._take(self._received.index(end) + len(end))[: -len(end)]

    def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive()
        return self._take(size)

    def _receive(self) -> None:
        received = self._socket.recv(65_536)
        if not received:
            raise EOFError(self._received)
        self._received += received

    def _take(self, size: int) -> bytes:
        taken, self._received = self._received[:size], self._received[size:]
        return taken
