"""Servers that some parts are measured on: PostgreSQL that is there, a NATS of ours."""

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from dateline.projections.postgres.target import Target

POSTGRES = os.environ.get(
    "DATELINE_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test"
)
"""The database that is measured on, unless another is named."""

_WAIT_SECONDS = 3
_START_SECONDS = 60


class Postgres:
    """A database in which each ledger, and the tables beside it, get a schema.

    Args:
        url: libpq's, without a ledger.

    Raises:
        psycopg.OperationalError: nobody answers.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._mark = uuid.uuid4().hex[:8]
        self._made: list[str] = []
        with closing(psycopg.connect(url, connect_timeout=_WAIT_SECONDS)) as connection:
            self.version = connection.info.parameter_status("server_version")

    def target(self, name: str) -> str:
        """Return where a new ledger may be made."""
        return Target.parse(self._url)._replace(ledger=self._schema(name)).url

    def connect(self, name: str, *, create: bool = False) -> psycopg.Connection[Any]:
        """Open a session in a schema, in autocommit mode."""
        schema = Identifier(self._schema(name))
        connection = psycopg.connect(self._url, autocommit=True)
        if create:
            connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(SQL("SET search_path TO {}, public").format(schema))
        return connection

    def analyze(self, name: str) -> None:
        """Tell the planner what there is, as autovacuum does in its time."""
        with closing(self.connect(name)) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s",
                (self._schema(name),),
            ).fetchall()
            for (table,) in tables:
                connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(table)))

    def size(self, name: str, table: str) -> tuple[int, float]:
        """Return how many rows a table has, and MB with its indexes."""
        with closing(self.connect(name)) as connection:
            query = SQL("SELECT count(*), pg_total_relation_size({}) FROM {}")
            found = connection.execute(
                query.format(table, Identifier(table))
            ).fetchone()
        assert found is not None
        return found[0], found[1] / 1e6

    def _schema(self, name: str) -> str:
        schema = f"bench-{self._mark}-{name}"
        if schema not in self._made:
            self._made.append(schema)
        return schema

    def close(self) -> None:
        """Drop every schema that was made."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            for schema in self._made:
                statement = SQL("DROP SCHEMA IF EXISTS {} CASCADE")
                connection.execute(statement.format(Identifier(schema)))


# --- NATS, and ports ----------------------------------------------------------------


def has_nats() -> bool:
    """Tell whether there is a nats-server to run."""
    return shutil.which("nats-server") is not None


@contextmanager
def private_nats(folder: Path) -> Iterator[str]:
    """Run a NATS server with JetStream of one's own; give its URL."""
    folder.mkdir()
    port = free_port()
    settings = folder / "nats.conf"
    settings.write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}" }}\n'
    )
    server = subprocess.Popen(
        ["nats-server", "-c", settings, "-l", folder / "nats.log"]
    )
    try:
        listening(port)
        yield f"nats://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def listening(port: int) -> None:
    """Wait until somebody listens on a port of this machine."""
    until = time.monotonic() + _START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < until, f"nothing listens on port {port}"
        time.sleep(0.02)
