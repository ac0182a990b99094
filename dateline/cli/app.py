"""The commands by name, in the order of the help."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from dateline import __version__
from dateline.cli import (
    asking,
    copying,
    demo,
    following,
    keeping,
    output,
    relaying,
    serving,
)
from dateline.cli.ending import check_unicode, status_of


class Commands(TyperGroup):
    """The group of all commands; how it ends is told by :mod:`dateline.cli.ending`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        **__: Any,
    ) -> NoReturn:
        """Run a command and exit; no arguments ask for help."""
        words = list(sys.argv[1:] if args is None else args) or ["--help"]

        def run() -> None:
            for word in words:
                check_unicode(word)
            with self.make_context(prog_name or "dateline", words) as context:
                self.invoke(context)

        sys.exit(status_of(run))


def _print_version(is_asked: bool) -> None:
    if is_asked:
        output.say(f"dateline {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="dateline",
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def dateline(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """What was known on a given date, by whom, and on whose word?

    A LEDGER is a file. Questions have two points: --on is public time (a day counts
    to its end), --recorded-by is what this ledger had taken in by then.
    """


for name, command in (
    ("demo", demo.demo),
    ("init", keeping.init),
    ("import", keeping.import_),
    ("known", asking.known),
    ("claim", asking.claim),
    ("timeline", asking.timeline),
    ("changes", asking.changes),
    ("explain", asking.explain),
    ("positions", asking.positions),
    ("expectations", asking.expectations),
    ("events", following.events),
    ("export", keeping.export),
    ("rebuild", keeping.rebuild),
    ("verify", keeping.verify),
    ("backup", copying.backup),
    ("copy", copying.copy),
):
    app.command(name)(command)

app.command("serve", cls=serving.ServeCommand)(serving.serve)
app.command("relay")(relaying.relay)
app.command("schema")(serving.schema)
app.add_typer(serving.keys, name="keys")
