"""PostgreSQL servers of a test's own, which it may kill."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.services import require

PATIENCE_SECONDS = 60

_INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
_SMALL = {"max_connections": "100", "shared_buffers": "'32MB'"}


class PostgresServer:
    """A server on a port of its own; its superuser ``postgres`` needs no password.

    Args:
        folder: where its data are to be; default: a temporary one.
        options: of initdb.
        primary: makes it a hot standby that streams from that server.
        settings: of its configuration file, as they are written there.
    """

    def __init__(
        self,
        folder: Path | None = None,
        options: Sequence[str] = (),
        primary: "PostgresServer | None" = None,
        **settings: str,
    ) -> None:
        self._programs = programs()
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="dateline-postgres-"))
        self._owner = _owner(self.folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        if primary is None:
            self._run("initdb", *_INITDB, *options)
        else:
            source = f"host=127.0.0.1 port={primary.port} user=postgres"
            self._run("pg_basebackup", "--checkpoint=fast", "-R", "-d", source)
        self.set(
            port=str(self.port),
            listen_addresses="'127.0.0.1'",
            unix_socket_directories=f"'{self.folder}'",
            **{**_SMALL, **settings},
        )
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Its database ``postgres``, where ledgers can be."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self.data, *words],
            check=True,
            capture_output=True,
            preexec_fn=self._owner,
            cwd=self.folder,
        )

    def set(self, **settings: str) -> None:
        """Change its configuration; it counts when that is loaded, or at the start."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def reload(self) -> None:
        """Load the configuration, and wait until that is done."""
        before = self.execute("SELECT pg_conf_load_time()")
        self._process.send_signal(signal.SIGHUP)
        while self.execute("SELECT pg_conf_load_time()") == before:
            time.sleep(0.01)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data],
                preexec_fn=self._owner,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it in an orderly way: sessions are ended."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL at one moment, as a power cut does."""
        self._process.send_signal(signal.SIGSTOP)  # that it starts nothing anew
        children = _children(self._process.pid)
        for pid in (*children, self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(map(_is_alive, children)):
            time.sleep(0.001)

    def target(self, ledger: str = "war") -> str:
        """Return the target of a ledger there."""
        return f"{self.url}?ledger={ledger}"

    def execute(self, statement: LiteralString, *parameters: object) -> list[Any]:
        """Run a statement as superuser, and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def terminate(self, choose: random.Random) -> int:
        """End some sessions, at least one if there are any; return how many."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            pids = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            ).fetchall()
            chosen = choose.sample(pids, choose.randint(min(1, len(pids)), len(pids)))
            for pid in chosen:
                connection.execute("SELECT pg_terminate_backend(%s)", pid)
        return len(chosen)

    def close(self) -> None:
        """Kill it, and take away its data."""
        if self.is_running:
            self.kill()
        if self._own_folder:
            shutil.rmtree(self.folder)


@contextmanager
def serving(
    folder: Path | None = None,
    options: Sequence[str] = (),
    primary: PostgresServer | None = None,
    **settings: str,
) -> Iterator[PostgresServer]:
    """Run a server; see :class:`PostgresServer`."""
    server = PostgresServer(folder, options, primary, **settings)
    try:
        yield server
    finally:
        server.close()


def programs() -> Path:
    """Return where the server's programs are; without them a test is skipped."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []  # may be a link
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    require("PostgreSQL's initdb and postgres", bool(found))
    return found[0]


def _owner(folder: Path) -> Callable[[], None] | None:
    """Return how a process is made one of a user who may run a server: never root."""
    if os.geteuid():
        return None
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)

    def become() -> None:
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return become


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
