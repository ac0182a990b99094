"""Processes that a test starts and may kill: forked from one that imported already."""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

import dateline
from dateline import Ledger
from dateline.domain.errors import DatelineError
from dateline.domain.events import Event
from dateline.jsonl import import_file
from dateline.projections import copying
from dateline.projections.postgres import schema as postgres_schema
from dateline.projections.sqlite import schema as sqlite_schema
from tests.builders import asserted, framed, registered

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["pytest", "hypothesis", "dateline", "dateline.jsonl", "tests.faults.children"]
)
SOURCES = 40


class Child:
    """A process of its own, and a pipe to it.

    It is killed, if it still runs, when its ``with`` block ends.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self._process: ForkServerProcess = CONTEXT.Process(
            target=_work, args=(work, theirs, *arguments), daemon=True
        )
        self._process.start()
        theirs.close()

    def receive(self, seconds: float = 60) -> Any:
        """Wait for what the process sends next."""
        assert self.pipe.poll(seconds), "the process sent nothing"
        return self.pipe.recv()

    def sent(self) -> Iterator[Any]:
        """Iterate over what is sent until the process ends."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                yield self.receive()

    def kill(self) -> list[Any]:
        """Kill it with SIGKILL; return what it sent and nobody received."""
        self._process.kill()
        self._process.join()
        return list(self.sent())

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self.pipe.close()


def _work(work: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    work(pipe, *arguments)
    pipe.close()


def batch(number: int, size: int) -> list[Event]:
    """Frame a claim that ``size`` - 1 sources assert; the number is in each id."""
    claim = f"c{number}"
    return [
        framed(claim, id=f"{number}:{size}:0"),
        *(
            asserted(claim, by=f"s{index}", id=f"{number}:{size}:{index}")
            for index in range(1, size)
        ),
    ]


def registrations() -> list[Event]:
    """Register the sources that batches are by."""
    return [registered(f"s{index}", id=f"s{index}") for index in range(1, SOURCES + 1)]


# --- what the processes do ----------------------------------------------------------


def record_batches(pipe: Connection, target: str, first: int, seed: int) -> None:
    """Record batches for ever; acknowledge each one once it is recorded."""
    choose = random.Random(seed)
    pipe.send(("begun", 0, 0))
    with dateline.open(target) as ledger:
        pipe.send(("opened", 0, 0))
        ledger.record(*registrations())
        pipe.send(("registered", 0, 0))
        for number in range(first, first + 100_000):
            size = choose.randint(1, SOURCES)
            receipt = ledger.record(*batch(number, size))
            pipe.send(("recorded", number, receipt.position))


def import_lines(
    pipe: Connection, target: str, lines: str, batch: int | None = None
) -> None:
    """Import a file, and say when it begins and how long it took."""
    pipe.send("begun")
    begun = time.monotonic()
    with open(lines, "rb") as file:
        import_file(target, file, name="lines", batch=batch)
    pipe.send(time.monotonic() - begun)


def rebuild(pipe: Connection, target: str, times: int) -> None:
    """Rebuild a ledger's rows some times."""
    with dateline.open(target, create=False) as ledger:
        pipe.send("begun")
        for _ in range(times):
            begun = time.monotonic()
            ledger.rebuild()
            pipe.send(time.monotonic() - begun)


def backup(pipe: Connection, target: str, copies: list[str]) -> None:
    """Back a ledger up to some places, one after the other."""
    with dateline.open(target, create=False) as ledger:
        pipe.send("begun")
        for copy in copies:
            begun = time.monotonic()
            ledger.backup(copy)
            pipe.send(time.monotonic() - begun)


def copy(pipe: Connection, source: str, target: str, batch: int) -> None:
    """Copy a ledger; say where each batch ended, and what was copied."""
    copying._BATCH = batch
    with dateline.open(source, create=False) as ledger:
        pipe.send("begun")
        pipe.send(
            ledger.copy_to(
                target, verify=False, progress=lambda done, _: pipe.send(done)
            )
        )


def hold_the_lock(pipe: Connection, target: str) -> None:
    """Keep a batch open until told to go on."""
    with dateline.open(target, create=False) as ledger, ledger.recording() as recording:
        recording.add(framed("held", id="held"))
        pipe.send("locked")
        pipe.recv()
    pipe.send("recorded")


def open_new(pipe: Connection, targets: list[str], name: str) -> None:
    """Open ledgers that nobody made yet, at a sign, and record in each."""
    pipe.send("ready")
    for target in targets:
        pipe.recv()
        try:
            with dateline.open(target) as ledger:
                receipt = ledger.record(registered(name))
            pipe.send(receipt.position)
        except DatelineError as error:
            pipe.send(str(error))


def open_migrated(pipe: Connection, target: str, migration: list[str]) -> None:
    """Open a ledger, at a sign, as a later release with one more migration does."""
    sqlite_schema.MIGRATIONS += (tuple(migration),)
    postgres_schema.MIGRATIONS += (tuple(migration),)
    pipe.send("ready")
    pipe.recv()
    try:
        with dateline.open(target, create=False) as ledger:
            pipe.send(ledger.verify().events)
    except DatelineError as error:
        pipe.send(str(error))


def follow(pipe: Connection, target: str, last: str) -> None:
    """Send the events in the order they come, until the one with an id."""
    seen = []
    with dateline.open(target, create=False) as ledger, ledger.subscribe() as coming:
        pipe.send("ready")
        for recorded in coming:
            seen.append((recorded.position, recorded.id))
            if recorded.id == last:
                break
    pipe.send(seen)


def serve(pipe: Connection, target: str) -> None:
    """Serve a ledger, and send the server's URL; the ring is small."""
    from dateline.api import Settings
    from dateline.api.serve import serve

    with dateline.open(target, create=False) as ledger:
        serve(ledger, Settings(port=0, log_level="error", ring_events=64), pipe.send)


def follow_server(pipe: Connection, url: str, last: str) -> None:
    """Send the events in the order in which a server streams them, until one."""
    seen = []
    with dateline.Client(url) as client, client.subscribe(after=0) as coming:
        pipe.send("ready")
        for recorded in coming:
            seen.append((recorded.position, recorded.id))
            if recorded.id == last:
                break
    pipe.send(seen)


def ask(pipe: Connection, target: str, on: str) -> None:
    """Ask for knowledge at the head until told to stop; send what was answered."""
    answers: dict[int, bytes] = {}
    positions: list[int] = []
    with dateline.open(target, create=False) as ledger:
        pipe.send("ready")
        while not pipe.poll():
            answer = ledger.knowledge_json(on=on)
            position = json.loads(answer)["basis"]["position"]
            positions.append(position)
            assert answers.setdefault(position, answer) == answer
    pipe.send((positions, answers))


def refused_as(pipe: Connection, target: str, user: int) -> None:
    """As another user, read a ledger and try to write; send codes and answers."""
    os.setgid(user)
    os.setuid(user)
    pipe.send(read_only_codes(target))


def read_only_codes(target: str) -> dict[str, object]:
    """Read a ledger that cannot be written; return what came of each attempt."""
    found: dict[str, object] = {}
    with dateline.open(target, create=False) as ledger:
        found["head"] = ledger.position
        found["events"] = len(list(ledger.events()))
        found["known"] = len(ledger.knowledge(on="2024-10-22").claims)
        found["verified"] = ledger.verify().events
        found["record"] = code(lambda: ledger.record(framed("more")))
        found["rebuild"] = code(ledger.rebuild)
        found["still"] = len(list(ledger.events()))
    return found


def code(attempt: Callable[[], object]) -> str:
    """Return the code of the error that an attempt raises, or nothing."""
    try:
        attempt()
    except DatelineError as error:
        return error.code
    return ""


def events_of(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the events without what differs between two recordings of the same."""
    differing = ("recorded_at", "salts", "hash")
    return [
        {name: value for name, value in event.items() if name not in differing}
        for event in map(json.loads, ledger.export())
    ]
