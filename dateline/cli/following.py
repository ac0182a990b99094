"""The command that reads the log: what is stored, and on request what comes."""

import re
from collections.abc import Iterator
from typing import Annotated

import orjson
import typer

import dateline
from dateline.cli import output, parameters
from dateline.cli.ending import INTERRUPTED
from dateline.domain.recorded import ENVELOPE, Recorded
from dateline.ledger import Ledger

_WAIT_SECONDS = 0.5
_WORD = re.compile(r"[\w.:/+-]+")


def events(
    ledger: parameters.LedgerPath,
    after: Annotated[
        int, typer.Option(metavar="P", help="Begin after this position.")
    ] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for more, until interrupted.")
    ] = False,
    topic: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Only the topic's events, and those of claims filed under it then.",
        ),
    ] = None,
    claim: Annotated[
        str | None, typer.Option(metavar="CLAIM", help="Only events about this claim.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Only events of this source.")
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="Only events of this type, such as ClaimDenied; may be given "
            "repeatedly.",
        ),
    ] = None,
    json: parameters.AsJSON = False,
) -> None:
    """Print what is stored, one event a line."""
    with dateline.open(ledger, create=False) as opened:
        ask = _followed if follow else dateline.Ledger.events
        found = ask(
            opened, after, topic=topic, claim=claim, source=source, types=type or None
        )
        if json:
            for recorded in found:
                output.write_json(orjson.dumps(recorded.model_dump(mode="json")))
        else:
            _print(found)


def _followed(
    ledger: Ledger,
    after: int,
    *,
    topic: str | None,
    claim: str | None,
    source: str | None,
    types: list[str] | None,
) -> Iterator[Recorded]:
    """Yield events for ever; each is flushed before the next is asked for."""
    with ledger.subscribe(
        after, topic=topic, claim=claim, source=source, types=types
    ) as subscription:
        while not output.reader_is_gone():
            try:
                recorded = subscription.poll(_WAIT_SECONDS)
            except KeyboardInterrupt:  # the way to end it
                raise typer.Exit(INTERRUPTED) from None
            if recorded is not None:
                yield recorded
                output.flush()
    raise BrokenPipeError


def _print(found: Iterator[Recorded]) -> None:
    from dateline.cli.screen import Part, Screen

    screen = Screen()
    for recorded in found:
        fields = recorded.stored
        parts: list[Part] = [f"{recorded.position:>6}  "]
        parts += [(f"{fields['recorded_at']}  ", "dim")]
        parts += [(f"{recorded.type:<20}", "bold")]
        for name, value in fields.items():
            if name not in ENVELOPE and name != "type":
                parts += [(f"  {name}=", "dim"), _value(value)]
        screen.line(*parts)


def _value(value: object) -> str:
    """Print a field's value: a plain word as it is, anything else as JSON."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return orjson.dumps(value).decode()
