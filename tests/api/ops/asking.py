"""Asking an application in this process, and a server in one of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app

PATIENCE_SECONDS = 30
URL = re.compile(r"at (http://[\w.:\[\]-]+)")


@contextlib.contextmanager
def asking(ledger: Ledger, **settings: Any) -> Iterator[TestClient]:
    """Ask an application over a ledger; a fault of it is an answer, too."""
    app = create_app(ledger, Settings(**settings))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DATELINE_")}
    return {**kept, "PYTHONUTF8": "1", **changes}


def command(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "dateline", *map(str, words)]


def run(*words: object, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own to its end."""
    return subprocess.run(
        command(*words),
        check=False,
        capture_output=True,
        env=environment(**changes),
        text=True,
        timeout=PATIENCE_SECONDS,
    )


class Server:
    """``dateline serve`` in a process of its own, on a free port."""

    def __init__(self, target: Path, *flags: object, **changes: str) -> None:
        self.log = target.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("serve", target, "--port", 0, *flags),
                stderr=log,
                env=environment(**changes),
            )
        self.url = self._wait_for_url()
        self.port = int(self.url.rpartition(":")[2])

    def _wait_for_url(self) -> str:
        while self.process.poll() is None:
            found = URL.search(self.logged())
            if found:
                return found[1]
        raise AssertionError(self.logged())

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def tell(self, told: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(told)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        self.tell()
        return self.wait()


@contextlib.contextmanager
def served(target: Path, *flags: object, **changes: str) -> Iterator[Server]:
    """Serve a ledger's file; what still runs at the end is killed."""
    server = Server(target, *flags, **changes)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def received(connection: socket.socket) -> bytes:
    """Return all that is sent until the other side closes."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)
