"""The pages on PostgreSQL show what happens, on a private server of their own.

They say ``/srv/pg`` for the folder of all servers, and ports 5432 to 5435 and 8000 to
8003. A page begins with a server that runs at the first of them, in ``/srv/pg/main``,
whose superuser is ``postgres``. ``sudo -u postgres`` is taken at its word where root
runs the tests. What needs more than servers (a cluster, a container engine, a proxy)
stands in blocks of other kinds, which are tried by hand.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dateline.projections.postgres.schema import MIGRATIONS
from tests.faults.servers import programs
from tests.jetstream.servers import free_ports
from tests.services import has_command, require
from tests.test_docs import (
    ON_A_SERVER,
    REFERENCE,
    Stage,
    examples,
    name_of,
    unexecuted,
)

SERVERS = "/srv/pg"
DATABASE_PORTS = ("5432", "5433", "5434", "5435")
API_PORTS = ("8000", "8001", "8002", "8003")
SUPERUSER = "postgres"
UNEXECUTED = {"haproxy": 1, "sh": 6, "yaml": 1}
"""Blocks of other kinds: at most so many in these pages."""

_SUDO = """#!/bin/sh
# sudo -u USER COMMAND...
shift 2
exec {become} "$@"
"""


class ServerStage(Stage):
    """Where a page runs that has servers: what they are called there, and here.

    Args:
        servers: a folder of their owner's.
    """

    def __init__(self, folder: Path, servers: Path) -> None:
        super().__init__(folder)
        self._servers = servers
        ports = free_ports(len(DATABASE_PORTS) + len(API_PORTS))
        here = dict(zip(DATABASE_PORTS + API_PORTS, map(str, ports), strict=True))
        self.port = here[API_PORTS[0]]
        self.stands_for = {SERVERS: str(servers), **here}
        self._write_sudo()
        installed = (programs() / "initdb").resolve().parent  # the path may have links
        self.environment |= {
            "PATH": f"{folder}:{installed}:{self.environment['PATH']}",
            "HOME": str(folder),
            "DATELINE_PORT": self.port,
            "PGHOST": str(servers),
            "PGPORT": here[DATABASE_PORTS[0]],
            "PGPASSFILE": str(folder / ".pgpass"),
        }

    def _write_sudo(self) -> None:
        become = f"setpriv --reuid {SUPERUSER} --regid {SUPERUSER} --init-groups"
        sudo = self.folder / "sudo"
        sudo.write_text(_SUDO.format(become=become if os.geteuid() == 0 else ""))
        sudo.chmod(0o755)

    def start(self) -> None:
        """Make the server that a page begins with, and start it."""
        main = self._servers / "main"
        self._do(
            f"initdb -D {main} -U {SUPERUSER} -E UTF8 --locale=C.UTF-8 "
            "--data-checksums --auth=scram-sha-256 --auth-local=trust"
        )
        with (main / "postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.environment['PGPORT']}\n")
            settings.write(f"unix_socket_directories = '{self._servers}'\n")
        self._do(f"pg_ctl -w -D {main} -l {main}.log start")

    def _do(self, command: str) -> None:
        """Run a command as the servers' owner, which must succeed."""
        subprocess.run(
            ["bash", "-c", f"sudo -u {SUPERUSER} {command}"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def close(self) -> None:
        super().close()
        for running in self._servers.glob("*/postmaster.pid"):
            self._do(f"pg_ctl -w -D {running.parent} -m immediate stop")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerStage]:
    """A stage with a server, where the owner of its servers can reach it."""
    require("psql and curl", has_command("psql", "curl"))
    with tempfile.TemporaryDirectory(prefix="dateline-pages-") as name:
        desk, servers = Path(name, "desk"), Path(name, "servers")
        desk.mkdir()
        servers.mkdir()
        if os.geteuid() == 0:
            os.chmod(name, 0o755)
            shutil.chown(servers, SUPERUSER, SUPERUSER)
        stage = ServerStage(desk, servers)
        for variable in ("PGHOST", "PGPORT", "PGPASSFILE"):
            monkeypatch.setenv(variable, stage.environment[variable])
        with contextlib.closing(stage):
            stage.start()
            yield stage


@pytest.mark.slow
@pytest.mark.parametrize("page", ON_A_SERVER, ids=name_of)
def test_what_a_page_shows_is_what_happens(page: Path, stage: ServerStage) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    for example in examples(lines, stage):
        if not example.is_so:
            assert example.happened == example.shown, f"{page}:{example.lines.start}"


def test_almost_every_block_is_run() -> None:
    left_out = unexecuted(ON_A_SERVER)

    assert left_out.keys() <= UNEXECUTED.keys(), left_out
    assert all(count <= UNEXECUTED[info] for info, count in left_out.items()), left_out


def test_the_page_of_storage_has_the_version_of_the_schema() -> None:
    page = (REFERENCE / "storage.md").read_text(encoding="utf-8")

    assert f"its one row, {len(MIGRATIONS)} by now" in page
