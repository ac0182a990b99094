"""A progress bar on standard error, if that is a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dateline.projections.store import Progress

_PAUSE_SECONDS = 0.05


@contextmanager
def bar(what: str, *, in_bytes: bool = False) -> Iterator[Progress]:
    """Show how much of some work is done, and take the bar away at its end.

    Yields what is to be told ``(done, of how many)``; 0 means that nobody knows.
    """
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich import progress
    from rich.console import Console

    columns: list[progress.ProgressColumn] = [
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.DownloadColumn() if in_bytes else progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    ]
    console = Console(file=sys.stderr)
    with progress.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        due = 0.0

        def told(done: int, total: int) -> None:
            nonlocal due
            now = time.monotonic()
            if now >= due or done == total:
                due = now + _PAUSE_SECONDS
                shown.update(task, completed=done, total=total or None)

        yield told


def _silent(done: int, total: int) -> None:
    pass
