"""Several API processes on one ledger, killed under load: nothing is lost, or twice.

``DATELINE_FAULTS=20`` repeats the faults twenty times as often.
"""

import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

import dateline
from dateline import Client, DatelineError
from dateline.client.server import EVENT_STREAM
from tests.api.ops.asking import command, environment
from tests.builders import asserted, framed, registered

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("DATELINE_FAULTS", "1"))
PROCESSES, WRITERS, READERS = 3, 4, 3
KILLS = 5
PATIENCE_SECONDS = 60
PASSING = {"outcome_unknown", "server_unreachable", "ledger_unavailable"}


class API:
    """``dateline serve`` on one port however often it is killed; the ring is small."""

    def __init__(self, target: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        flags = "--port", port, "--ring-events", 64, "--log-level", "error"
        self._command = command("serve", target, *flags)
        self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=environment(), stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """Kill it, and start it again, without waiting until it answers."""
        self.close()
        self._begin()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Load:
    """Clients of several API processes; each takes any of them for each attempt."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._stop = threading.Event()
        self._last: str | None = None
        self.failed: list[BaseException] = []
        self.acknowledged: dict[str, list[int]] = {}
        self.seen: list[list[tuple[int, str]]] = [[] for _ in range(READERS)]
        self._writing = self._begin(WRITERS, self._write)
        self._reading = self._begin(READERS, self._read)

    def _begin(self, number: int, work: Any) -> list[threading.Thread]:
        def run(one: int) -> None:
            try:
                work(one)
            except BaseException as error:
                self.failed.append(error)
                raise

        threads = [threading.Thread(target=run, args=(one,)) for one in range(number)]
        for thread in threads:
            thread.start()
        return threads

    def _write(self, writer: int) -> None:
        """Record batches, each under a key until it is acknowledged by somebody."""
        choose = random.Random(writer)
        with ExitStack() as open_:
            clients = [
                open_.enter_context(Client(url, timeout=5)) for url in self._urls
            ]
            for number in count():
                key = f"w{writer}-{number}"
                events = [
                    asserted(
                        said_at=f"2024-10-{choose.randint(1, 20):02}",
                        note=f"{key}.{index}",
                    )
                    for index in range(choose.choice((1, 1, 3)))
                ]
                while key not in self.acknowledged:
                    try:
                        receipt = choose.choice(clients).record(
                            *events, idempotency_key=key
                        )
                    except DatelineError as error:
                        assert error.code in PASSING, error
                        time.sleep(0.02)
                    else:
                        self.acknowledged[key] = [
                            event.position for event in receipt.events
                        ]
                if self._stop.is_set():
                    return

    def _read(self, reader: int) -> None:
        """Follow one process after the other, with the cursor that came last."""
        choose = random.Random(100 + reader)
        cursor = "0"
        with httpx.Client(timeout=PATIENCE_SECONDS) as http:
            while True:
                headers = {"Accept": EVENT_STREAM, "Last-Event-ID": cursor}
                url = f"{choose.choice(self._urls)}/v1/events"
                try:
                    with http.stream("GET", url, headers=headers) as response:
                        for message in _messages(response):
                            cursor = message.id
                            if message.event != "heartbeat":
                                event = json.loads(message.data)
                                self.seen[reader].append(
                                    (event["position"], event["id"])
                                )
                                if event["id"] == "the-end":
                                    return
                except httpx.HTTPError:
                    time.sleep(0.02)

    def go_on(self) -> None:
        """Wait until some more is acknowledged."""
        enough = len(self.acknowledged) + 15
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) < enough:
            assert not self.failed
            assert time.monotonic() < until, "the processes do not recover"
            time.sleep(0.01)

    def stop_writing(self) -> None:
        self._stop.set()
        for thread in self._writing:
            thread.join(PATIENCE_SECONDS)

    def stop_reading(self) -> None:
        for thread in self._reading:
            thread.join(PATIENCE_SECONDS)
        assert not self.failed


def _messages(response: httpx.Response) -> Iterator[Any]:
    """Yield the messages that bring something; a 503 brings none."""
    if response.status_code == httpx.codes.OK:
        for message in EventSource(response).iter_sse():
            if message.event in ("end", "error"):
                return
            if message.id:
                yield message


def test_clients_move_from_a_killed_process_to_another(target: str) -> None:
    choose = random.Random(4)
    with dateline.open(target) as ledger, ExitStack() as running:
        ledger.record(registered("seoul"), framed())
        processes = [
            running.enter_context(closing(API(target))) for _ in range(PROCESSES)
        ]
        load = Load([process.url for process in processes])
        for _ in range(KILLS * TIMES):
            load.go_on()
            time.sleep(choose.uniform(0, 0.2))
            choose.choice(processes).kill()
        load.go_on()
        load.stop_writing()
        ledger.record(framed("last", id="the-end"))
        load.stop_reading()

        events = list(ledger.events())
        for seen in load.seen:
            assert seen == [(event.position, event.id) for event in events]
        notes = {
            event.position: event.stored["note"]
            for event in events
            if "note" in event.stored
        }
        assert len(set(notes.values())) == len(notes), "something was recorded twice"
        expected = {
            position: f"{key}.{index}"
            for key, positions in load.acknowledged.items()
            for index, position in enumerate(positions)
        }
        assert notes == expected
        ledger.verify()
