"""Asking a ledger over GraphQL within the test's process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from httpx2 import Response
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app

PATH = "/graphql"
GRAPHQL_JSON = "application/graphql-response+json"


class GraphQL:
    """A client of one ledger's application."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def post(
        self, body: Any, headers: Mapping[str, str] = {}, **named: str
    ) -> Response:
        """Send a body: bytes, or what is to become JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {name.replace("_", "-"): value for name, value in named.items()}
        type = {"content-type": "application/json"}
        return self.client.post(
            PATH, content=content, headers={**type, **headers, **given}
        )

    def answer(self, query: str, /, **variables: Any) -> Any:
        """Ask and return the whole response."""
        response = self.post({"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        return response.json()

    def data(self, query: str, /, **variables: Any) -> Any:
        """Ask and return the data; there are no errors."""
        answer = self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def error(self, query: str, /, **variables: Any) -> Any:
        """Ask and return the one error."""
        (error,) = self.answer(query, **variables)["errors"]
        return error

    def code(self, query: str, /, **variables: Any) -> Any:
        """Ask and return the code of the one error."""
        return self.error(query, **variables)["extensions"]["code"]


def refusal(response: Response, status: int) -> Any:
    """Check that a response has a status and one error; return what it tells."""
    assert response.status_code == status, response.text
    (error,) = response.json()["errors"]
    return {"message": error["message"], **error["extensions"]}


@contextmanager
def asking(ledger: Ledger, **settings: Any) -> Iterator[GraphQL]:
    """Serve a ledger within this process."""
    app = create_app(ledger, Settings(**settings))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield GraphQL(client)
