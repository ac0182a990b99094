"""The command that publishes a ledger's log to NATS JetStream."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

import dateline
from dateline.cli import parameters

if TYPE_CHECKING:
    from dateline.projections.jetstream.relay import Relay

MAX_BYTES_LEAST = 2**20


def relay(
    ledger: parameters.LedgerPath,
    nats: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            envvar="DATELINE_FEED",
            help="Where NATS is: nats://host:4222, several hosts with commas between "
            "them.",
            show_default=False,
            show_envvar=False,
        ),
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Publish what is there, and end.")
    ] = False,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=5,
            help="Of a new stream: how many servers of a cluster keep all of it. "
            "Default: 1.",
        ),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="Of a new stream: drop what is older. Default: keep it.",
        ),
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=MAX_BYTES_LEAST,
            help="Of a new stream: drop what is oldest beyond so many bytes. Default: "
            "keep it.",
        ),
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            min=0,
            help="Of a new stream: begin after this position. Default: 0.",
        ),
    ] = None,
) -> None:
    """Publish a ledger's events to NATS JetStream, each once, in order.

    Goes on where the stream ends, for as long as it runs; NATS and the database may
    come and go. Of several relays one publishes and the others stand by. Stops at
    SIGTERM or Ctrl-C.
    """
    from dateline.api import logs
    from dateline.api.settings import Settings
    from dateline.projections.jetstream.connection import Address, Connector
    from dateline.projections.jetstream.relay import Relay
    from dateline.projections.jetstream.stream import NewStream
    from dateline.projections.jetstream.subjects import Subjects

    address = Address.parse(nats)
    logs.configure(Settings())
    with dateline.open(ledger, create=False) as opened:
        relay = Relay(
            opened.feed,
            Subjects(opened.identity),
            Connector(address, f"dateline relay {opened.identity}"),
            lambda entry: opened.cursor(entry.mark),
            title=opened.title,
            new=NewStream(replicas, max_age, max_bytes, after),
            is_once=once,
        )
        asyncio.run(_until_told(relay))


async def _until_told(relay: "Relay") -> None:
    """Run a relay until it ends, or this process is told to stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, relay.stopping.set)
    await relay.run()
