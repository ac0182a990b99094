"""How a command ends: its exit status, and at most one sentence on standard error.

0 is success, 1 a fault, 2 a mistake of the caller; 130 and 141 are what a shell
reports for an interrupt and for a reader that went away.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import cast

import typer

from dateline.cli import output
from dateline.domain.errors import DatelineError
from dateline.words import readable

FAULT = 1
CALLERS_MISTAKE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

# Its module has changed between releases of typer; what derives from it has not.
_UsageError = cast(type[typer.BadParameter], typer.BadParameter.__base__)


class Stopped(Exception):
    """A command cannot go on, for a reason outside any ledger."""

    def __init__(self, code: str, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        self.code, self.status = code, status


def status_of(run: Callable[[], None]) -> int:
    """Run a command, and return its exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    if sys.stdout is None:  # before a ledger's file gets that descriptor
        return _tell("output_failed", "standard output is closed; open it", FAULT)
    try:
        status = _exited(run)
        output.flush()
        return status
    except DatelineError as error:
        status = FAULT if error.fault else CALLERS_MISTAKE
        return _tell(error.code, str(error), status)
    except Stopped as error:
        return _tell(error.code, str(error), error.status)
    except _UsageError as error:
        return _tell("usage_error", _usage(error), CALLERS_MISTAKE)
    except KeyboardInterrupt:
        return _tell("interrupted", "stopped before the end", INTERRUPTED)
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _tell("disk_full" if is_full else "system_error", _failed(error), FAULT)
    finally:
        output.settle()


def check_unicode(word: str) -> None:
    """Refuse an argument whose bytes the locale cannot read."""
    try:
        word.encode()
    except UnicodeEncodeError:
        sentence = f"argument {word!r} is not text in this locale; check its bytes"
        raise Stopped("usage_error", sentence, status=CALLERS_MISTAKE) from None


def _exited(run: Callable[[], None]) -> int:
    try:
        run()
    except typer.Exit as exit:
        return int(exit.exit_code)
    return 0


def _usage(error: typer.BadParameter) -> str:
    sentence = error.format_message().strip().rstrip(".")
    context = error.ctx
    command = context.command_path if context else "dateline"
    return f"{sentence[:1].lower()}{sentence[1:]}; see '{command} --help'"


def _failed(error: OSError) -> str:
    """Say what the operating system refused, and where."""
    name = error.filename
    place = name if name in (None, output.NAME) else repr(name)
    return ": ".join(filter(None, (place, error.strerror or str(error))))


def _tell(code: str, sentence: str, status: int) -> int:
    with contextlib.suppress(OSError):
        print(f"dateline: {code}: {readable(sentence)}", file=sys.stderr, flush=True)
    return status
