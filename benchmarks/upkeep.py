"""Importing, exporting, rebuilding, verifying; memory and bytes that this takes."""

import multiprocessing
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import dateline
from benchmarks.report import Figure, at_least, rate, timed
from benchmarks.workloads import Ledgers, Shape, clock
from dateline.jsonl import import_file

REBUILD_AIM = 100_000
IMPORT_AIM = 10_000


class Imported(NamedTuple):
    """What one import took, in a process of its own."""

    seconds: float
    lines: int
    peak_mib: float
    idle_mib: float


def measure(ledgers: Ledgers, shapes: list[Shape]) -> Iterator[Figure]:
    """Measure each size; a bigger file must not take more memory."""
    for shape in shapes:
        source, path = ledgers.jsonl(shape), ledgers.ledger(shape)
        target = ledgers.directory / "imported.dateline"
        imported = _apart(source, target)
        name = f"{imported.lines:,} lines" if imported.lines else source.name
        yield at_least(
            f"import JSONL, {name}",
            imported.lines / imported.seconds,
            IMPORT_AIM,
            f"peak {imported.peak_mib:,.0f} MiB, {imported.idle_mib:,.0f} before it; "
            f"the file has {source.stat().st_size / 2**20:,.0f}",
        )
        _remove(target)
        yield from _of_ledger(path)


def _of_ledger(path: Path) -> Iterator[Figure]:
    with dateline.open(path, clock=clock) as ledger:
        began = perf_counter()
        count = ledger.verify().events
        verified = perf_counter() - began
        rebuilt = timed(ledger.rebuild)
        yield at_least(f"  rebuild, {count:,} events", count / rebuilt, REBUILD_AIM)
        yield Figure("  verify (chain, rows, rule)", rate(count, verified))
        exported = path.with_suffix(".export")
        with exported.open("wb") as file:
            seconds = timed(
                lambda: file.writelines(line + b"\n" for line in ledger.export())
            )
        yield Figure("  export JSONL", rate(count, seconds))
    yield _again(exported, path)
    yield from _sizes(path, count)


def _again(exported: Path, path: Path) -> Figure:
    """Import an export with its envelopes; the same must come out again."""
    target = path.with_suffix(".again")
    with exported.open("rb") as file:
        seconds = timed(
            lambda: import_file(
                str(target), file, name="again", keep_recorded_at=True, clock=clock
            )
        )
    digest = sha256()
    count = 0
    with dateline.open(target, clock=clock) as ledger:
        for line in ledger.export():
            digest.update(line + b"\n")
            count += 1
    assert digest.digest() == sha256(exported.read_bytes()).digest()
    _remove(target)
    exported.unlink()
    return Figure(
        "  export | import --keep-recorded-at",
        rate(count, seconds),
        "reproduces the export byte for byte, hashes included",
    )


def _sizes(path: Path, count: int) -> Iterator[Figure]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        total = (path.stat().st_size - free * page) / count
        yield Figure("  bytes an event", f"{total:,.0f} B", _split(connection, count))


def _split(connection: sqlite3.Connection, count: int) -> str:
    """Name the bytes an event of each table and index."""
    try:
        sizes = connection.execute(
            "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC"
        ).fetchall()
    except sqlite3.OperationalError:
        return "this SQLite has no dbstat"
    return ", ".join(
        f"{name} {size / count:,.0f}" for name, size in sizes if size / count >= 1
    )


# --- a process of its own -----------------------------------------------------------


def _apart(source: Path, target: Path) -> Imported:
    """Import a file in a fresh process, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_import, source, target).result()


def _import(source: Path, target: Path) -> Imported:
    idle = peak_mib()
    lines: list[int] = []

    def run() -> None:
        with source.open("rb") as file:
            found = import_file(str(target), file, name=source.stem, clock=clock)
            lines.append(found.lines)

    seconds = timed(run)
    return Imported(seconds, lines[0], peak_mib(), idle)


def peak_mib() -> float:
    """Return the most memory that this process ever held.

    Linux counts a parent's into ``ru_maxrss`` of its children, but not into
    ``VmHWM``.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
