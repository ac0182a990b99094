"""Every error has one status, in one table, and a row in the reference."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dateline.api
import dateline.client
from dateline.api import problems
from dateline.api.problems import RequestError, problem_of, respond, status_of
from dateline.api.settings import InvalidSetting
from dateline.domain.errors import DatelineError, UnknownClaim

for package in (dateline.api, dateline.client):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def below(kind: type[DatelineError]) -> Iterator[type[DatelineError]]:
    for derived in kind.__subclasses__():
        if derived.__module__.startswith("dateline."):
            yield derived
            yield from below(derived)


def is_answered(kind: type[DatelineError]) -> bool:
    """Tell whether a server answers with it: not when set wrong, and no client."""
    is_of_client = kind.__module__.startswith("dateline.client.")
    return not (is_of_client or issubclass(kind, InvalidSetting))


ANSWERED = [kind for kind in below(DatelineError) if is_answered(kind)]


def status_by_class(kind: type[DatelineError]) -> int:
    return status_of(kind.__new__(kind))


@pytest.mark.parametrize("kind", ANSWERED, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[DatelineError]) -> None:
    assert 400 <= status_by_class(kind) < 600
    assert kind.fault <= (status_by_class(kind) >= 500)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ANSWERED if issubclass(kind, RequestError)],
    ids=lambda kind: kind.__name__,
)
def test_what_the_server_cannot_do_is_a_fault(kind: type[RequestError]) -> None:
    assert kind.fault is (kind.status >= 500)


def test_no_two_statuses_have_one_code() -> None:
    stated: dict[str, set[int]] = {}
    for kind in ANSWERED:
        stated.setdefault(kind.code, set()).add(status_by_class(kind))

    assert {code: found for code, found in stated.items() if len(found) > 1} == {}


def test_the_page_of_errors_has_the_status_of_each() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## Only on the command line")[0]
    rows = re.findall(r"^\| `(\w+)` \| \d \| (\d+|–) \|", page, re.M)

    assert dict(rows) == {
        DatelineError.code: "–",
        **{kind.code: "–" for kind in below(DatelineError)},
        **{kind.code: str(status_by_class(kind)) for kind in ANSWERED},
    }


def body_of(error: DatelineError, status: int | None = None) -> Any:
    return json.loads(bytes(respond(error, status).body))


def test_an_error_is_told_as_problem_details() -> None:
    error = UnknownClaim("troops", 7)
    response = respond(error)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert body_of(error) == {
        "type": "urn:dateline:error:unknown_claim",
        "title": "Unknown claim",
        "status": 404,
        "detail": str(error),
        **problems.members_of(error),
    }
    assert problem_of(error)["code"] == "unknown_claim"


def test_a_status_may_be_told_by_who_knows_better() -> None:
    error = UnknownClaim("troops", 7)

    assert respond(error, 422).status_code == body_of(error, 422)["status"] == 422


def test_who_is_put_off_is_told_for_how_long() -> None:
    limited = problems.RateLimited("slower", {"Retry-After": "9"})

    assert respond(limited).headers["retry-after"] == "9"
    assert respond(problems.ShuttingDown("stopping")).headers["retry-after"] == "1"
