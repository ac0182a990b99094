"""What became of each line of an NDJSON body, told in a line of its own.

The last line says that nothing follows: what is cut off must not look like success.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from dateline.api.rest.bodies import Line
from dateline.api.rest.refusals import problem_of
from dateline.domain.answers import RecordedEvent
from dateline.domain.errors import DatelineError

Result = dict[str, Any]


def result(line: Line, event: RecordedEvent) -> Result:
    """Return where a line's event stands."""
    return {"line": line.number, **event.model_dump(mode="json")}


def refusal(line: Line, error: DatelineError) -> Result:
    """Return why a line was not recorded."""
    error.at(f"line {line.number}", line.number)
    return {"line": line.number, "error": problem_of(error, "POST")}


def failure(error: DatelineError) -> Result:
    """Return why no more lines were recorded; it takes the place of the end."""
    return {"error": problem_of(error, "POST")}


class Tally:
    """What became of the lines so far."""

    def __init__(self) -> None:
        self.lines = self.position = 0
        self._new = self._failed = 0

    def count(self, result: Result) -> Result:
        """Count a line's result, and return it."""
        self.lines += 1
        self._new += result.get("new", False)
        self._failed += "error" in result
        self.position = max(self.position, result.get("position", 0))
        return result

    def end(self, position: int) -> Result:
        """Return the line that says that nothing follows."""
        return {
            "end": True,
            "count": self.lines,
            "new": self._new,
            "failed": self._failed,
            "position": position,
        }


def joined(lines: Sequence[Result]) -> bytes:
    """Return lines of JSON."""
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


@contextmanager
def named(line: Line) -> Iterator[None]:
    """Name a line in the error that comes up about it."""
    try:
        yield
    except DatelineError as error:
        if not error.fault:
            error.at(f"line {line.number}", line.number)
        raise
