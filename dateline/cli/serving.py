"""Commands of the server: run it, print its schema, keep its keys.

Nothing of the server is imported before one of them runs, so that others start sooner.
"""

import inspect
import os
import sys
from logging import getLogger
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand

import dateline
from dateline.cli import output, parameters
from dateline.words import readable

KEYS_VARIABLE = "DATELINE_KEYS"

KeysPath = Annotated[
    str | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        help=f"The file of keys. Default: ${KEYS_VARIABLE}, else dateline-keys.json.",
    ),
]


class ServeCommand(TyperCommand):
    """The command with a flag for every setting, read off the settings themselves."""

    _own: list[Any]
    _all: list[Any] | None = None

    @property
    def params(self) -> list[Any]:
        if self._all is None:
            self._all = [*self._own, *_flags()]
        return self._all

    @params.setter
    def params(self, own: list[Any]) -> None:
        self._own = own

    def invoke(self, ctx: Any) -> Any:
        """Run the command; the context's object is what the flags say."""
        own = {parameter.name for parameter in self._own}
        given = {name: ctx.params.pop(name) for name in {*ctx.params} - own}
        ctx.obj = {name: value for name, value in given.items() if value is not None}
        return super().invoke(ctx)


def serve(context: typer.Context, ledger: parameters.LedgerPath) -> None:
    """Serve a ledger over HTTP: REST, GraphQL and feeds.

    Each option is also an environment variable, DATELINE_ and its name in capitals;
    options win. Stops at SIGTERM or Ctrl-C, when requests under way have ended; at a
    second one, at once.
    """
    from dateline.api.serve import serve
    from dateline.api.settings import Settings

    settings = Settings(**context.obj)
    with dateline.open(ledger, create=False) as opened:

        def listening(url: str) -> None:
            tell = (
                getLogger("dateline").info if settings.log_format == "json" else _tell
            )
            tell(f"serving {opened.target!r} at {url}")
            tell(f"try {url}/")

        serve(opened, settings, listening)


def schema() -> None:
    """Print the GraphQL schema."""
    from dateline.api.graphql.schema import print_schema_text

    for line in print_schema_text().splitlines():
        output.say(line)


keys = typer.Typer(rich_markup_mode=None)


@keys.callback(invoke_without_command=True)
def keys_(context: typer.Context) -> None:
    """Keep the keys of a server's callers.

    The file holds their hashes. A running server notices when it changes.
    """
    if context.invoked_subcommand is None:
        output.say(context.get_help())


@keys.command()
def add(
    scope: Annotated[
        str,
        typer.Option(
            metavar="read|record|admin",
            help="What it is good for; each takes in those before it.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Who has it: the recorder of what is recorded with it. Default: its "
            "id.",
        ),
    ] = None,
    file: KeysPath = None,
) -> None:
    """Make a key, and print it, once: only its hash is kept."""
    from dateline.api.keys import add

    key, token = add(_file(file), scope, name)
    output.say(token)
    _tell(f"{key.name} may {key.scope}, by the key {key.id}; it is not shown again")


@keys.command("list")
def list_(file: KeysPath = None) -> None:
    """Print the keys there are: id, scope, when it was made, name."""
    from dateline.api.keys import read

    for key in read(_file(file)):
        made = f"{key.created_at:%Y-%m-%dT%H:%M:%SZ}"
        output.say(f"{key.id}  {key.scope:<6}  {made}  {readable(key.name)}")


@keys.command()
def revoke(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="The key's id.", show_default=False)
    ],
    file: KeysPath = None,
) -> None:
    """Take a key back; a running server refuses it from then on."""
    from dateline.api.keys import revoke

    revoked = revoke(_file(file), id)
    output.say(f"{revoked.id}  revoked  {readable(revoked.name)}")


def _file(given: str | None) -> Path:
    from dateline.api.keys import DEFAULT_FILE

    return Path(given or os.environ.get(KEYS_VARIABLE) or DEFAULT_FILE)


def _tell(sentence: str) -> None:
    print(f"dateline: {readable(sentence)}", file=sys.stderr, flush=True)


def _flags() -> list[Any]:
    """Return an option for each setting, as the model of the settings has it."""
    from dateline.api.settings import Settings, described, flag_of

    options = []
    for name, field in Settings.model_fields.items():
        kind: Any = str | None
        flag = flag_of(name)
        if field.annotation is bool:
            kind, flag = bool | None, f"{flag}/--no-{flag.removeprefix('--')}"
        option = typer.Option(
            flag, metavar=_metavar(field.annotation), help=described(name)
        )
        options.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind, option],
            )
        )

    def flags(**_: Any) -> None:
        pass

    vars(flags)["__signature__"] = inspect.Signature(options)
    flags.__annotations__ = {option.name: option.annotation for option in options}
    collected = typer.Typer(add_completion=False, rich_markup_mode=None)
    collected.command()(flags)
    command: Any = typer.main.get_command(collected)
    return list(command.params)


def _metavar(kind: Any) -> str | None:
    """Say what a flag takes."""
    if kind is bool:
        return None
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    (first, *_) = [one for one in get_args(kind) if one is not type(None)] or [kind]
    named = {int: "N", float: "SECONDS", Path: "FILE"}
    return "A,B" if get_origin(kind) is tuple else named.get(first, "TEXT")
