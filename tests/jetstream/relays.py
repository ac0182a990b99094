"""Relays: to the head in this process, in one that can be killed, and as a command."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection

import dateline
from dateline import Ledger
from dateline.projections.jetstream.connection import Address, Connector
from dateline.projections.jetstream.relay import Relay
from dateline.projections.jetstream.stream import NewStream
from dateline.projections.jetstream.subjects import Subjects

COMMAND = (sys.executable, "-m", "dateline", "relay")


def relay_of(
    ledger: Ledger, url: str, new: NewStream | None = None, *, is_once: bool = False
) -> Relay:
    """Return a relay as the command makes it."""
    return Relay(
        ledger.feed,
        Subjects(ledger.identity),
        Connector(Address.parse(url), "a relay of the tests"),
        lambda entry: ledger.cursor(entry.mark),
        title=ledger.title,
        new=new or NewStream(),
        is_once=is_once,
    )


def relay_once(ledger: Ledger, url: str, new: NewStream | None = None) -> None:
    """Relay up to the head."""
    asyncio.run(relay_of(ledger, url, new, is_once=True).run())


def relay_for_ever(pipe: Connection, target: str, url: str) -> None:
    """Relay until killed; the work of a child process."""
    with dateline.open(target, create=False) as ledger:
        pipe.send("begun")
        asyncio.run(relay_of(ledger, url).run())


class RelayProcess:
    """``dateline relay`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        """What it has logged so far."""
        self._log.seek(0)
        return self._log.read().decode()

    def until_logged(self, words: str, seconds: float = 30) -> None:
        """Wait until it logs something."""
        until_so(lambda: words in self.log, seconds, lambda: self.log)

    def kill(self) -> None:
        """Kill it without a warning."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Tell it to stop; return its exit status."""
        self._process.terminate()
        return self._process.wait(30)

    def ended(self, seconds: float = 30) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self._process.wait(seconds)

    def close(self) -> None:
        self.kill()
        self._log.close()


@contextmanager
def relaying(ledger: Ledger, url: str, *options: str) -> Iterator[RelayProcess]:
    """Run a relay until the block ends."""
    with closing(RelayProcess(ledger.target, url, *options)) as process:
        yield process


def until_so(
    is_so: Callable[[], bool],
    seconds: float = 30,
    story: Callable[[], object] = lambda: "it never was",
) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, story()
        time.sleep(0.02)
