"""Commands that bring a ledger to another place, whatever store is there."""

import sys
from typing import Annotated

import typer

import dateline
from dateline.cli import output, parameters
from dateline.cli.progress import bar
from dateline.projections.targets import printed
from dateline.words import counted, readable


def copy(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help=parameters.A_LEDGER, show_default=False),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Where nothing is yet, or an earlier copy. Named like the source.",
            show_default=False,
        ),
    ],
    no_verify: Annotated[
        bool,
        typer.Option(
            "--no-verify",
            help="Check the hashes only, and leave the rest to a later run.",
        ),
    ] = False,
) -> None:
    """Take a ledger to another store, as it is.

    Every event keeps its id, position, recorded_at, salts and hash. Others may use the
    source meanwhile. Stopped, or run again later, it goes on where the target ends.
    """
    with dateline.open(source, create=False) as opened, bar("copy") as progress:
        copied = opened.copy_to(target, verify=not no_verify, progress=progress)
    checked = "copied" if no_verify else "verified"
    output.say(
        f"{readable(printed(target))}: {counted(copied.events, 'event')} from "
        f"{readable(opened.target)}, {checked} up to position {copied.position}, hash "
        f"{copied.hash}"
    )
    if copied.source_position > copied.position:
        note = (
            f"{opened.target} has gone on to position {copied.source_position}; run it "
            "again for the rest"
        )
        print(f"dateline: note: {readable(note)}", file=sys.stderr)


def backup(
    ledger: parameters.LedgerPath,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Where nothing is yet. Named like the ledger.",
            show_default=False,
        ),
    ],
) -> None:
    """Copy a ledger as of this moment, while others use it.

    The copy appears under its name when it is whole.
    """
    with dateline.open(ledger, create=False) as opened, bar("backup") as progress:
        opened.backup(target, progress=progress)
    output.say(f"{readable(printed(target))}: copied from {readable(opened.target)}")
