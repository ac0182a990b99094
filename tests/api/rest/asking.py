"""Asking a ledger over REST within the test's process, and a real server's feeds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from httpx2 import Response
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app

NDJSON = "application/x-ndjson"


class Rest:
    """A client of one ledger's application."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, headers: Mapping[str, str] = {}, **query: Any) -> Response:
        """Ask, whatever comes of it. Underscores behind names are left out."""
        named = {name.rstrip("_"): value for name, value in query.items()}
        given = {name: value for name, value in named.items() if value is not None}
        return self.client.get(path, headers=headers, params=given or None)

    def json(self, path: str, **query: Any) -> Any:
        """Ask and return what was answered."""
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def code(self, path: str, status: int, **query: Any) -> str:
        """Ask and return the code of the refusal."""
        code: str = refusal(self.get(path, **query), status)["code"]
        return code

    def post(
        self, body: Any, type: str | None = None, query: str = "", **headers: str
    ) -> Response:
        """Send a body: bytes of a media type, or what is to become JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        if type is None and not isinstance(body, bytes):
            type = "application/json"
        if type is not None:
            named["content-type"] = type
        return self.client.post(f"/v1/events{query}", content=content, headers=named)


def refusal(response: Response, status: int) -> Any:
    """Check that a response is a problem of some status, and return the problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:dateline:error:{problem['code']}"
    return problem


def lines_of(response: Response) -> list[Any]:
    """Return the lines of an NDJSON answer."""
    assert response.headers["content-type"] == NDJSON
    assert response.content.endswith(b"\n")
    return [orjson.loads(line) for line in response.content.splitlines()]


def ndjson(*lines: Any) -> bytes:
    """Return a body of lines, each JSON or bytes as they are."""
    return b"\n".join(
        line if isinstance(line, bytes) else orjson.dumps(line) for line in lines
    )


@contextmanager
def asking(ledger: Ledger, **settings: Any) -> Iterator[Rest]:
    """Serve a ledger within this process."""
    with TestClient(create_app(ledger, Settings(**settings))) as client:
        yield Rest(client)
