"""Commands that keep a ledger: open it, fill it, write it out, check it."""

import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, BinaryIO

import typer

import dateline
from dateline.cli import output, parameters
from dateline.cli.ending import CALLERS_MISTAKE, Stopped
from dateline.cli.progress import bar
from dateline.domain import errors
from dateline.domain.events import LedgerOpened, parse_event
from dateline.domain.times import Zone
from dateline.jsonl import Imported, import_file
from dateline.ledger import Ledger
from dateline.projections.sqlite.files import publish
from dateline.projections.targets import name_of, printed
from dateline.words import counted, readable

STDIN = "-"


def init(
    ledger: parameters.LedgerPath,
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Its title. Default: the file's name."),
    ] = None,
    timezone: Annotated[
        str,
        typer.Option(
            metavar="ZONE", help="The IANA time zone that its days are read in."
        ),
    ] = "UTC",
) -> None:
    """Open a new ledger.

    Its title and its time zone are fixed from then on.
    """
    opening = parse_event(
        {
            "type": "LedgerOpened",
            "title": name_of(ledger).strip() or "ledger" if title is None else title,
            "timezone": Zone(timezone).name,
            "id": str(uuid.uuid4()),
        }
    )
    assert isinstance(opening, LedgerOpened)
    try:
        with Ledger(ledger, opening=opening) as opened:
            if next(opened.events()).id != opening.id:
                raise errors.LedgerExists(printed(ledger))
            output.say(
                f"{readable(opened.target)}: opened {readable(opened.title)!r}, "
                f"days in {opened.timezone}"
            )
    except (errors.NotALedger, errors.NewerSchema):
        raise errors.LedgerExists(printed(ledger)) from None


def import_(
    ledger: parameters.LedgerPath,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="JSON lines, an event each; - is standard input.",
            show_default=False,
        ),
    ],
    keep_recorded_at: Annotated[
        bool,
        typer.Option(
            "--keep-recorded-at",
            help="Into a new ledger: keep recorded_at, positions and salts, and check "
            "the hashes.",
        ),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Commit after every N lines. Default: once a file."
        ),
    ] = None,
) -> None:
    """Record files of events.

    A ledger that does not exist is created. Each file is recorded whole, or not at
    all, and importing it again changes nothing.
    """
    for name in files:
        _check_readable(name)
    for name in files:
        with _opened(name) as file, bar("import", in_bytes=True) as progress:
            try:
                imported = import_file(
                    ledger,
                    file,
                    name=ledger if name == STDIN else name,
                    keep_recorded_at=keep_recorded_at,
                    batch=batch,
                    progress=progress,
                )
            except errors.DatelineError as error:
                if len(files) > 1 and error.where is not None:
                    error.where = f"{name}: {error.where}"
                raise
        _report(name, imported)


def export(
    ledger: parameters.LedgerPath,
    to: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to this file, which must not exist. Default: standard output.",
        ),
    ] = None,
) -> None:
    """Write all events as JSON lines, envelopes included."""
    with dateline.open(ledger, create=False) as opened:
        if to is None:
            for line in opened.export():
                output.write_json(line)
            return
        with _whole(to) as file, bar("export") as progress:
            for line in opened.export(progress=progress):
                file.write(line + b"\n")
    output.say(f"{readable(to)}: exported")


def rebuild(ledger: parameters.LedgerPath) -> None:
    """Make the rows that answer questions anew.

    They are dropped and folded from the log; readers see the old ones meanwhile.
    """
    with dateline.open(ledger, create=False) as opened, bar("rebuild") as progress:
        count = opened.rebuild(progress=progress)
    output.say(f"{readable(opened.target)}: rebuilt from {counted(count, 'event')}")


def verify(ledger: parameters.LedgerPath) -> None:
    """Check the hashes, the rows and the rule.

    The chain of hashes is recomputed from the stored events, and the rows are
    compared with the log and the rule.
    """
    with dateline.open(ledger, create=False) as opened, bar("verify") as progress:
        verified = opened.verify(progress=progress)
    output.say(
        f"{readable(opened.target)}: verified {counted(verified.events, 'event')} and "
        f"{counted(verified.claims, 'claim')} up to position {verified.position}, "
        f"hash {verified.hash}"
    )


def _report(name: str, imported: Imported) -> None:
    for note in imported.notes:
        print(f"dateline: note: {readable(f'{name}: {note}')}", file=sys.stderr)
    shown = "standard input" if name == STDIN else readable(name)
    output.say(
        f"{shown}: {counted(imported.lines, 'line')}, {imported.new:,} new, "
        f"{imported.existing:,} there already"
    )


def _check_readable(name: str) -> None:
    """Refuse a file that cannot be read before any other is recorded."""
    if name == STDIN:
        return
    try:
        mode = os.stat(name).st_mode
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error)) from None
    if stat.S_ISDIR(mode):
        raise _unreadable(name, "Is a directory")
    if not os.access(name, os.R_OK):
        raise _unreadable(name, "Permission denied")


def _unreadable(name: str, reason: str) -> Stopped:
    return Stopped(
        "unreadable_file",
        f"{name!r} cannot be read: {reason}; check the path",
        status=CALLERS_MISTAKE,
    )


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name != STDIN:
        try:
            file = open(name, "rb")
        except OSError as error:
            raise _unreadable(name, error.strerror or str(error)) from None
        with file:
            yield file
    elif sys.stdin is None:
        raise _unreadable(name, "standard input is closed")
    else:
        yield sys.stdin.buffer


@contextmanager
def _whole(target: str) -> Iterator[BinaryIO]:
    """Write a new file that appears under its name only when it is whole."""
    partial = f"{target}.{uuid.uuid4().hex}.partial"
    if os.path.lexists(target):
        raise errors.LedgerExists(target)
    try:
        with open(partial, "xb") as file:
            yield file
        publish(partial, target)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        sentence = f"{target!r} cannot be written: {error.strerror}; check the path"
        raise Stopped("unwritable_file", sentence, status=CALLERS_MISTAKE) from None
    except OSError as error:
        error.filename = target
        raise
    finally:
        with suppress(OSError):
            os.unlink(partial)
