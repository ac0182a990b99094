"""What only a client runs into: no answer, half an answer, a refusal of HTTP's own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from dateline.domain import errors
from dateline.domain.errors import DatelineError

_PROBLEM_MEMBERS = frozenset(("type", "title", "status", "detail", "instance", "code"))
"""What problem details say besides the values of an error."""


class ServerUnreachable(DatelineError):
    """The server could not be asked, or its answer did not arrive."""

    code: ClassVar[str] = "server_unreachable"
    fault: ClassVar[bool] = True

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no answer from {url}: {reason}; check the address, and that the server "
            "runs"
        )
        self.url, self.reason = url, reason


class OutcomeUnknown(ServerUnreachable):
    """Events were sent, and the server's answer did not arrive."""

    code: ClassVar[str] = "outcome_unknown"

    def __init__(self, url: str, reason: str, idempotency_key: str) -> None:
        DatelineError.__init__(
            self,
            f"no answer from {url}: {reason}; the events may be recorded or not, so "
            f"record them again with idempotency_key={idempotency_key!r}: nothing is "
            "recorded twice",
        )
        self.url, self.reason = url, reason
        self.idempotency_key = idempotency_key


class StreamCutOff(ServerUnreachable):
    """A list of events ended before its end."""

    code: ClassVar[str] = "stream_cut_off"

    def __init__(self, url: str, reason: str, after: int | str) -> None:
        DatelineError.__init__(
            self,
            f"the events from {url} were cut off: {reason}; ask again for those after "
            f"{after!r}",
        )
        self.url, self.reason, self.after = url, reason, after


class RemoteError(DatelineError):
    """The server refused what no ledger refuses, with a code and values of its own.

    Attributes:
        code: the server's; that of the class if it is no server of dateline's.
        status: HTTP's.
        request_id: finds the request in the server's log, if it told.
    """

    code: ClassVar[str] = "remote_error"

    def __init__(
        self,
        sentence: str,
        *,
        status: int,
        request_id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence)
        vars(self).update(values or {})
        self.status, self.request_id = status, request_id


class RemoteFault(RemoteError):
    """The server could not do what it was asked."""

    code: ClassVar[str] = "remote_fault"
    fault: ClassVar[bool] = True


def error_of(
    problem: Mapping[str, Any], request_id: str | None = None
) -> DatelineError:
    """Return the error that problem details tell of: the library's own, if it is one.

    Raises:
        KeyError: these are not the problem details of a dateline server. TypeError.
    """
    code, sentence, status = problem["code"], problem["detail"], problem["status"]
    values = {
        name: value for name, value in problem.items() if name not in _PROBLEM_MEMBERS
    }
    told = DatelineError.told(code, sentence, values)
    if told is not None and type(told).__module__ == errors.__name__:
        return told
    kind = RemoteFault if status >= 500 else RemoteError
    return kind(
        sentence.removeprefix(f"{values.get('where')}: "),
        status=status,
        request_id=request_id,
        values={**values, "code": code},
    )
