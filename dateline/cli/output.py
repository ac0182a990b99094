"""What goes to standard output: lines of JSON, or lines of text."""

import contextlib
import os
import re
import select
import sys
from collections.abc import Iterator

from dateline.words import CONTROLS

NAME = "standard output"

_CONTROL = re.compile(f"[{''.join(map(chr, CONTROLS))}]")


def say(text: str) -> None:
    """Write a line of text; what the encoding lacks is written as an escape."""
    _write(text.encode(sys.stdout.encoding, "backslashreplace"))


def write_json(document: bytes) -> None:
    """Write a line of JSON; for a terminal, control characters are escaped.

    They occur only in strings, where an escape means the same character.
    """
    if sys.stdout.isatty() and (text := document.decode()):
        document = _CONTROL.sub(lambda m: f"\\u{ord(m[0]):04x}", text).encode()
    _write(document)


def flush() -> None:
    """Hand over everything that was written."""
    with _named():
        sys.stdout.flush()


def settle() -> None:
    """Flush for the last time; what cannot be written any more is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):  # closed
            pass
        except OSError:
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def reader_is_gone() -> bool:
    """Tell whether standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _write(line: bytes) -> None:
    with _named():
        sys.stdout.buffer.write(line + b"\n")


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = error.filename or NAME
        raise
