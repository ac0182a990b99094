"""Private NATS servers on free ports: one, or a cluster of three."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from tests.services import has_command, require

_READY_SECONDS = 30


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class NATS:
    """A server in a process of its own, on one port however often it is killed."""

    def __init__(self, folder: Path, port: int, settings: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self._settings = folder / "nats.conf"
        self._log = folder / "nats.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port
        self._folder = folder
        self.set(settings)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def set(self, settings: str, jetstream: str = "") -> None:
        """Write the settings that the next start reads."""
        self._settings.write_text(
            f'listen: "127.0.0.1:{self._port}"\n'
            f'jetstream {{ store_dir: "{self._folder}"\n{jetstream} }}\n'
            f"{settings}\n",
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            ["nats-server", "-c", self._settings, "-l", self._log],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, self._log.read_text()
            with suppress(OSError), socket.socket() as trying:
                trying.connect(("127.0.0.1", self._port))
                if trying.recv(4) == b"INFO":
                    return
            time.sleep(0.02)
        raise AssertionError("nats-server did not start")

    def kill(self) -> None:
        """Kill it without a warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def said(self, words: str) -> bool:
        """Tell whether words are in its log."""
        return re.search(words, self._log.read_text()) is not None


@contextmanager
def server(folder: Path, settings: str = "", jetstream: str = "") -> Iterator[NATS]:
    """Run a server of its own."""
    require("nats-server", has_command("nats-server"))
    (port,) = free_ports(1)
    with closing(NATS(folder / "nats", port)) as one:
        one.set(settings, jetstream)
        one.start()
        yield one


@contextmanager
def cluster(folder: Path) -> Iterator[Sequence[NATS]]:
    """Run three servers that are one."""
    require("nats-server", has_command("nats-server"))
    ports = free_ports(6)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports[3:])
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                closing(
                    NATS(
                        folder / f"node{number}",
                        ports[number],
                        f"server_name: node{number}\n"
                        "cluster { name: desk\n"
                        f'listen: "127.0.0.1:{ports[3 + number]}"\n'
                        f"routes: [{routes}] }}",
                    )
                )
            )
            for number in range(3)
        ]
        for node in nodes:
            node.start()
        yield nodes


def url_of(nodes: Sequence[NATS]) -> str:
    """Return the URL that names all servers of a cluster."""
    return "nats://" + ",".join(node.url.removeprefix("nats://") for node in nodes)
