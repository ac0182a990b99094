"""What REST says of an error where the same class means two things.

A date may be a parameter or part of an event; a claim may be what is asked for, or
what a recorded event refers to.
"""

from typing import Any

from dateline.api import problems
from dateline.domain.errors import DatelineError, InvalidEvent, UnknownReference


def status_of(error: DatelineError, method: str) -> int:
    """Return the HTTP status of an error that a request by a method ran into."""
    if method == "POST":
        if isinstance(error, UnknownReference):
            return 422
    elif isinstance(error, InvalidEvent):
        return 400
    return problems.status_of(error)


def problem_of(error: DatelineError, method: str) -> dict[str, Any]:
    """Return an error as problem details, as a request by a method meets it."""
    return problems.problem_of(error, status_of(error, method))
