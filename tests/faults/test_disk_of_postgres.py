"""A PostgreSQL server whose disk is full: nothing is lost, nothing is half there."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import dateline
from dateline import DatelineError
from dateline.domain.events import Event
from tests.faults.servers import PostgresServer, serving
from tests.faults.test_disk import batches, big, fill, mounted

pytestmark = pytest.mark.slow

DISK = 96 * 2**20


@pytest.fixture
def disk() -> Iterator[Path]:
    """Mount a small disk where others may look into the folders above."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        if os.geteuid() or not mounted(
            "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", folder
        ):
            pytest.skip("mounting needs root")
        yield Path(folder)
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(params=["data", "wal"])
def server(disk: Path, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """Run a server with all that it has on the disk, or with its log alone."""
    small = ["--wal-segsize=1"]
    if request.param == "data":
        with serving(disk, small, max_wal_size="'8MB'") as found:
            yield found
        return
    with serving(options=small, min_wal_size="'2MB'") as found:
        found.stop()
        log = found.data / "pg_wal"
        subprocess.run(["cp", "-a", log, disk], check=True)
        shutil.rmtree(log)
        log.symlink_to(disk / "pg_wal")
        found.start()
        yield found


def bulky(number: int) -> list[Event]:
    """Make a batch of 360 kB that does not get smaller when it is compressed."""
    return [
        event.model_copy(update={"description": secrets.token_urlsafe(6_750)})
        for event in big(number)
    ]


def test_a_full_disk_takes_no_part_of_a_batch(
    disk: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dateline.ledger.LOCK_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("dateline.projections.postgres.sessions.WAIT_SECONDS", 1)
    recorded: dict[str, int] = {}
    unknown: set[str] = set()
    refusals: list[str] = []
    numbers = count()
    with dateline.open(server.target()) as ledger:

        def record() -> bool:
            number = next(numbers)
            try:
                ledger.record(*bulky(number))
            except DatelineError as error:
                refusals.append(error.code)
                if "not known" in str(error):
                    unknown.add(str(number))
                return False
            recorded[str(number)] = 40
            return True

        for _ in range(2):
            ballast = fill(disk)
            while record():
                pass
            record()
            ballast.unlink()
            until = time.monotonic() + 60
            while not record():
                assert time.monotonic() < until
                if not server.is_running:  # it gave up without room for its log
                    server.start()
        assert refusals
        assert set(refusals) <= {"disk_full", "ledger_unavailable"}
        found = batches(ledger)
        assert {**found, **recorded} == found
        assert found.keys() - recorded.keys() <= unknown
        assert set(found.values()) == {40}
        ledger.verify()
