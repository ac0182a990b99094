"""The parameters that commands share, named as in the contract."""

from typing import Annotated

import typer

A_LEDGER = "The ledger: a SQLite file, or postgresql://host/database?ledger=NAME."

LedgerPath = Annotated[
    str,
    typer.Argument(
        metavar="LEDGER",
        help=A_LEDGER,
        show_default=False,
    ),
]
ClaimId = Annotated[
    str, typer.Argument(metavar="CLAIM", help="A claim's id.", show_default=False)
]
SourceId = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A source's id.", show_default=False)
]

_POINT = "YYYY-MM-DD, to its end in the ledger's zone, or an instant with an offset"
_RECORD_POINT = "a position, an instant or a day"

On = Annotated[
    str,
    typer.Option(
        metavar="D", help=f"The point of public time: {_POINT}.", show_default=False
    ),
]
RecordedBy = Annotated[
    str | None,
    typer.Option(
        metavar="R",
        help=f"The point of record time: {_RECORD_POINT}. Default: all that is "
        "recorded.",
    ),
]
Topic = Annotated[
    str | None, typer.Option(metavar="T", help="Only claims filed under this topic.")
]
PolicyJSON = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="What counts as a confirmation. Default: "
        '{"confirmations": 1, "independent": false, "implicit": "count"}.',
    ),
]
AsJSON = Annotated[
    bool, typer.Option("--json", help="Print the answer as JSON, and nothing else.")
]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="D",
        help=f"The first point of public time: {_POINT}.",
        show_default=False,
    ),
]
To = Annotated[
    str,
    typer.Option(
        metavar="D", help="The second point of public time.", show_default=False
    ),
]
FromRecordedBy = Annotated[
    str | None,
    typer.Option(metavar="R", help=f"The first point of record time: {_RECORD_POINT}."),
]
ToRecordedBy = Annotated[
    str | None, typer.Option(metavar="R", help="The second point of record time.")
]
