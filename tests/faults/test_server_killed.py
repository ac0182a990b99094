"""The PostgreSQL server dies, or ends sessions, under writers, readers and followers.

``DATELINE_FAULTS=20`` repeats each fault twenty times as often.
"""

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

import dateline
from dateline import Client
from dateline.domain.errors import DatelineError
from tests.builders import framed
from tests.faults import children, writers
from tests.faults.children import Child, registrations
from tests.faults.servers import PostgresServer, serving
from tests.faults.writers import RECORDED, Said

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("DATELINE_FAULTS", "1"))
WRITERS, THREADS = 3, 2
RECOVERY_SECONDS = 20


class Fire:
    """Writers, followers and a server with its reader, all under way."""

    def __init__(self, target: str, running: ExitStack) -> None:
        self.target = target
        self.told: list[Said] = []

        def child(*work: Any) -> Child:
            one = running.enter_context(Child(*work))
            return one

        with dateline.open(target) as ledger:
            ledger.record(*registrations())
        self.server = child(children.serve, target)
        self.url = self.server.receive()
        self.writers = [
            child(writers.record_on, target, number, THREADS)
            for number in range(WRITERS)
        ]
        self.followers = [
            child(children.follow, target, "the-end"),
            child(children.follow, target, "the-end"),
            child(children.follow_server, self.url, "the-end"),
        ]
        for one in (*self.writers, *self.followers):
            assert one.receive() == "ready"

    def go_on(self) -> None:
        """Wait until each writer has recorded something anew."""
        for writer in self.writers:
            until = time.monotonic() + RECOVERY_SECONDS
            while True:
                assert time.monotonic() < until, "a writer has not recovered"
                said = writer.receive(RECOVERY_SECONDS)
                self.told.append(said)
                if said.outcome == RECORDED and not writer.pipe.poll():
                    break

    def end(self) -> dict[str, int]:
        """Let all come to an end, and check what they saw."""
        for writer in self.writers:
            writer.pipe.send("stop")
        for writer in self.writers:
            said = list(writer.sent())
            assert said.pop() == ("left", []), "threads of a closed ledger live on"
            self.told += said
        with dateline.open(self.target, create=False) as ledger:
            ledger.record(framed("last", id="the-end"))
            stored = [(event.position, event.id) for event in ledger.events()]
            for follower in self.followers:
                assert follower.receive() == stored
            with Client(self.url) as client:
                assert client.describe().position == ledger.position
            ledger.verify()
            return writers.check(ledger, self.told)


def disturb(
    server: PostgresServer, times: int, disturbing: Callable[[random.Random], object]
) -> dict[str, int]:
    """Disturb a server so many times at random moments while all is under way."""
    choose = random.Random(2024)
    server.execute("CREATE EXTENSION amcheck")  # verify makes use of it
    with ExitStack() as running:
        fire = Fire(server.target(), running)
        for _ in range(times):
            fire.go_on()
            time.sleep(choose.uniform(0, 0.3))
            disturbing(choose)
        fire.go_on()
        return fire.end()


def test_the_server_is_killed_and_started_again() -> None:
    with serving() as server:

        def kill(choose: random.Random) -> None:
            server.kill()
            time.sleep(choose.choice((0, 0, 0.5)))
            server.start()

        counts = disturb(server, 8 * TIMES, kill)
    assert counts[RECORDED] > 100


def test_the_server_is_stopped_and_started_again() -> None:
    with serving() as server:

        def restart(_: random.Random) -> None:
            server.stop()
            server.start()

        disturb(server, 3 * TIMES, restart)


def test_sessions_are_ended_at_random() -> None:
    with serving() as server:
        counts = disturb(server, 40 * TIMES, server.terminate)
    assert counts[RECORDED] > 100


def test_while_the_server_is_away_everybody_is_told_in_time() -> None:
    with serving() as server, ExitStack() as running:
        target = server.target()
        ledger = running.enter_context(dateline.open(target))
        ledger.record(*registrations())
        url = running.enter_context(Child(children.serve, target)).receive()
        attempts: list[Callable[[], object]] = [
            lambda: ledger.position,
            lambda: ledger.record(framed("away")),
            lambda: ledger.knowledge(on="2024-10-22"),
            lambda: dateline.open(target, create=False),
        ]
        server.stop()
        begun = time.monotonic()
        with ThreadPoolExecutor(len(attempts)) as threads:
            codes = list(threads.map(children.code, attempts))
        assert codes == ["ledger_unavailable"] * len(attempts)
        assert time.monotonic() - begun < 10
        server.start()
        assert _recovers(lambda: ledger.record(framed("back")).position) == 42
        with Client(url) as client:
            assert _recovers(lambda: client.describe().position) == 42


def _recovers(attempt: Callable[[], int]) -> int:
    until = time.monotonic() + RECOVERY_SECONDS
    while True:
        try:
            return attempt()
        except DatelineError:
            assert time.monotonic() < until
