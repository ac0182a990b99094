"""How figures are counted and shown."""

import os
import platform
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Figure(NamedTuple):
    """One line of the table; ``met`` is whether it reached its aim, if it has one."""

    what: str
    value: str
    beside: str = ""
    aim: str = ""
    met: bool | None = None


class Spread(NamedTuple):
    """The median and the 99th percentile of some durations, in seconds."""

    p50: float
    p99: float

    def __str__(self) -> str:
        return f"{self.p50 * 1e3:.3f} ms, p99 {self.p99 * 1e3:.3f}"


def spread(seconds: Sequence[float]) -> Spread:
    """Return the median and the 99th percentile."""
    return Spread(median(seconds), quantiles(seconds, n=100)[98])


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action took."""
    began = perf_counter()
    action()
    return perf_counter() - began


def rate(count: int, seconds: float) -> str:
    """Print events a second."""
    return f"{count / seconds:,.0f} events/s"


def at_least(what: str, value: float, aim: float, beside: str = "") -> Figure:
    """Return a figure in events a second that is to reach an aim."""
    return Figure(what, f"{value:,.0f} events/s", beside, f"≥ {aim:,.0f}", value >= aim)


def machine() -> str:
    """Name what the figures depend on."""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, eventsourcing {version('eventsourcing')}, "
        f"load {_load()}"
    )


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(": ")[2] for line in lines if "model name" in line]
    return names[0] if names else "unknown"


def show(console: Console, title: str, figures: Iterable[Figure]) -> None:
    """Print the figures of one section."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("what", max_width=46)
    table.add_column("figure", justify="right")
    table.add_column("beside it", max_width=50)
    table.add_column("aim")
    table.add_column("")
    for figure in figures:
        met = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.met]
        table.add_row(figure.what, figure.value, figure.beside, figure.aim, met)
    console.print(table)
