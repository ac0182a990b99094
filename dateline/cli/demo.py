"""The command that loads the packaged example and tells it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

import dateline
from dateline.domain import errors
from dateline.jsonl import import_file

EXAMPLE = "dprk-troops-2024.jsonl"


def demo(
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Keep the ledger in this file, which must not exist. Default: a "
            "temporary one.",
        ),
    ] = None,
) -> None:
    """Tell what was known of one story, day by day."""
    from dateline.cli.story import tell

    with _place(ledger) as path:
        packaged = files("dateline.examples").joinpath(EXAMPLE)
        with as_file(packaged) as file, file.open("rb") as example:
            import_file(path, example, name=EXAMPLE, keep_recorded_at=True)
        with dateline.open(path, create=False) as opened:
            tell(opened, kept=ledger)


@contextmanager
def _place(ledger: str | None) -> Iterator[str]:
    if ledger is None:
        with TemporaryDirectory(prefix="dateline-") as folder:
            yield os.path.join(folder, "demo.dateline")
    elif os.path.lexists(ledger):
        raise errors.LedgerExists(ledger)
    else:
        yield ledger
