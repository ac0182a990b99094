"""Feeds under fire: the server is killed, connections are cut, and nothing is lost.

A writer records ten thousand events into the ledger's file, past the server. Real
clients follow through a proxy that cuts connections at random, while the server is
killed and started again: the Python client, and the npm clients of both GraphQL
transports. Each must get every event once, in order.
"""

import json
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

import dateline
from dateline import Client
from tests.api.node.tools import node
from tests.api.proxy import Proxy, proxying
from tests.builders import asserted, framed, registered

EVENTS = 10_000
FOLLOW = Path(__file__).parent / "node" / "follow.mjs"


class Restarted:
    """A server in a process of its own, on one port however often it is killed."""

    def __init__(self, ledger: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._ledger = ledger
        self.deaths = 0
        self._begin()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dateline", "serve", str(self._ledger)),
                *("--port", str(self._port), "--ring-events", "64"),
                *("--log-level", "error"),
            ],
            stderr=subprocess.DEVNULL,
        )
        while self._process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port)).close()
                return
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill the server without a warning, and start it again."""
        self._process.kill()
        self._process.wait()
        self.deaths += 1
        self._begin()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def write(path: Path) -> None:
    """Record the events in batches of all sizes, so that it takes some seconds."""
    chance = random.Random(7)
    with dateline.open(path) as ledger:
        left = EVENTS - ledger.position
        while left:
            size = min(left, chance.choice((1, 1, 2, 5, 20, 60)))
            ledger.record(
                *(
                    asserted(by=chance.choice("ab"), id=f"e{left - n}")
                    for n in range(size)
                )
            )
            left -= size
            time.sleep(chance.uniform(0, 0.02))


def cuts(chance: random.Random) -> int | None:
    """Let most connections live for up to 200 kB of answers."""
    return chance.choice((None, chance.randrange(200_000)))


def followed_by_python(url: str) -> list[int]:
    found = []
    with Client(url) as client, client.subscribe(after=0) as subscription:
        for recorded in subscription:
            found.append(recorded.position)
            if recorded.position == EVENTS:
                break
    return found


def followed_by_node(transport: str, url: str) -> list[int]:
    command = [node(), str(FOLLOW), transport, f"{url}/graphql", str(EVENTS), "0"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["position"] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_every_client_gets_every_event_once_in_order(tmp_path: Path) -> None:
    node()
    path = tmp_path / "war.dateline"
    with dateline.open(path) as ledger:
        ledger.record(registered("a"), registered("b"), framed())
    chance = random.Random(11)
    server = Restarted(path)
    with (
        closing(server),
        proxying(server.url) as proxy,
        ThreadPoolExecutor() as threads,
    ):
        proxy.budget = lambda: cuts(chance)
        writing = threads.submit(write, path)
        following = [
            threads.submit(followed_by_python, proxy.url),
            threads.submit(followed_by_node, "ws", proxy.url),
            threads.submit(followed_by_node, "sse", proxy.url),
        ]
        disturb(server, proxy, chance, following)
        writing.result()
        found = [follower.result() for follower in following]

    assert server.deaths >= 3
    assert proxy.connections > 3 * server.deaths
    for positions in found:
        assert positions == list(range(1, EVENTS + 1))


def disturb(
    server: Restarted,
    proxy: Proxy,
    chance: random.Random,
    following: list[Future[list[int]]],
) -> None:
    """Kill the server five times and cut all connections often, in the meantime."""
    for number in range(30):
        time.sleep(chance.uniform(0.05, 0.4))
        if number % 6 == 5:
            server.kill()
        else:
            proxy.cut()
        if any(follower.done() for follower in following):
            return
