"""GraphQL over HTTP: statuses, media types, bodies; the audits cover the rest."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from dateline import Ledger
from dateline.api import keys
from tests.api.graphql.asking import GRAPHQL_JSON, PATH, GraphQL, asking, refusal
from tests.api.graphql.documents import RECORD

ANY = '{ knowledge(on: "2024-10-22") { basis { on } } }'
MUTATION = (
    'mutation { record(events: [{topicOpened: {topic: "t", title: "T"}}]) '
    "{ position } }"
)


def body(**parameters: Any) -> bytes:
    return orjson.dumps(parameters)


@pytest.mark.parametrize(
    "content, status, code",
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"query": "{__typename}"} x', 400, "malformed_json"),
        (b'{"query": "\xff"}', 400, "invalid_utf8"),
        (b'{"query": "\\ud800"}', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'[{"query": "{__typename}"}]', 400, "graphql_request"),
        (b'"{__typename}"', 400, "graphql_request"),
        (b"null", 400, "graphql_request"),
        (body(), 400, "graphql_request"),
        (body(query=""), 400, "graphql_request"),
        (body(query=1), 400, "graphql_request"),
        (body(query=ANY, variables=[]), 400, "graphql_request"),
        (body(query=ANY, variables="{}"), 400, "graphql_request"),
        (body(query=ANY, operationName=1), 400, "graphql_request"),
        (body(query=ANY, extensions=1), 400, "graphql_request"),
        (body(query="{"), 400, "graphql_syntax"),
        (body(query="query" * 400), 400, "graphql_syntax"),
        (body(query="\x00"), 400, "graphql_syntax"),
        (body(query="{nothing}"), 400, "graphql_validation"),
        (body(query="{ ... @defer { __typename } }"), 400, "graphql_validation"),
        (body(query="fragment f on Query { __typename }"), 400, "graphql_operation"),
        (body(query=ANY, operationName="other"), 400, "graphql_operation"),
        (body(query="query a {__typename} query b {__typename}"), 200, None),
        (
            body(query="query ($on: String!) { knowledge(on: $on) { basis { on } } }"),
            *(400, "graphql_variables"),
        ),
        (
            body(
                query="query ($first: Int) { events(first: $first) { nodes { id } } }",
                variables={"first": "many"},
            ),
            *(400, "graphql_variables"),
        ),
        (body(query="subscription { events { cursor } }"), 400, "graphql_not_streamed"),
    ],
)
def test_a_bad_request_gets_its_status_and_its_code(
    graphql: GraphQL, content: bytes, status: int, code: str | None
) -> None:
    response = graphql.post(content, accept=GRAPHQL_JSON)
    assert response.headers["content-type"].startswith(
        (GRAPHQL_JSON, "application/json")
    )
    if code is not None:
        assert refusal(response, status)["code"] == code
        assert "data" not in response.json()


def test_several_operations_need_a_name(graphql: GraphQL) -> None:
    query = "query a { __typename } query b { ledger { title } }"
    response = graphql.post({"query": query}, accept=GRAPHQL_JSON)
    assert refusal(response, 400)["code"] == "graphql_operation"
    response = graphql.post({"query": query, "operationName": "b"})
    assert response.json()["data"] == {"ledger": {"title": "war"}}


@pytest.mark.parametrize("query", ["{", "{nothing}"])
def test_what_is_wrong_with_a_document_has_status_200_in_plain_json(
    graphql: GraphQL, query: str
) -> None:
    response = graphql.post({"query": query}, accept="application/json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert set(response.json()) == {"errors"}


def test_an_error_of_a_field_has_status_200(graphql: GraphQL) -> None:
    query = '{ claim(id: "tanks", on: "2024-10-22") { id } }'
    response = graphql.post({"query": query}, accept=GRAPHQL_JSON)
    assert response.status_code == 200
    assert response.json()["data"] is None
    assert refusal(response, 200)["code"] == "unknown_claim"


@pytest.mark.parametrize(
    "accept, given",
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, application/json", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
    ],
)
def test_an_answer_comes_in_the_media_type_that_is_liked_best(
    graphql: GraphQL, accept: str, given: str
) -> None:
    response = graphql.post({"query": "{ __typename }"}, accept=accept)
    assert response.headers["content-type"] == f"{given}; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-store"


def test_what_cannot_be_accepted_is_not_given(graphql: GraphQL) -> None:
    response = graphql.post({"query": "{ __typename }"}, accept="text/plain")
    assert refusal(response, 406)["code"] == "not_acceptable"


@pytest.mark.parametrize(
    "type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "",
    ],
)
def test_a_body_is_json_in_utf8(graphql: GraphQL, type: str) -> None:
    response = graphql.post({"query": "{ __typename }"}, {"content-type": type})
    assert refusal(response, 415)["code"] == "unsupported_media_type"


def test_a_body_is_in_no_coding(graphql: GraphQL) -> None:
    response = graphql.post({"query": "{ __typename }"}, {"content-encoding": "gzip"})
    assert refusal(response, 415)["code"] == "unsupported_media_type"


def test_a_body_over_the_limit_is_refused(ledger: Ledger) -> None:
    with asking(ledger, max_body_bytes=1000) as graphql:
        response = graphql.post({"query": "{ __typename }" + " " * 1000})
        assert response.status_code == 413
        assert response.json()["code"] == "body_too_large"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_graphql_is_asked_by_get_or_post(graphql: GraphQL, method: str) -> None:
    response = graphql.client.request(method, PATH)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST, OPTIONS"


def test_what_may_be_asked_can_be_asked(graphql: GraphQL) -> None:
    response = graphql.client.options(PATH)
    assert response.status_code == 204
    assert response.headers["allow"] == "GET, POST, OPTIONS"


def test_a_query_may_be_in_the_url(story: Ledger, graphql: GraphQL) -> None:
    response = graphql.client.get(
        PATH,
        params={
            "query": "query q($on: String!) { knowledge(on: $on) { basis { on } } }",
            "variables": '{"on": "2024-10-22"}',
            "operationName": "q",
        },
    )
    assert response.json()["data"] == {"knowledge": {"basis": {"on": "2024-10-22"}}}


@pytest.mark.parametrize(
    "parameters, code",
    [
        ({}, "graphql_request"),
        ({"query": ANY, "variables": "{"}, "malformed_json"),
        ({"query": ANY, "variables": "[]"}, "graphql_request"),
        ({"query": ANY, "extensions": "1"}, "graphql_request"),
    ],
)
def test_bad_parameters_of_a_url_are_refused(
    graphql: GraphQL, parameters: dict[str, str], code: str
) -> None:
    response = graphql.client.get(PATH, params=parameters)
    assert refusal(response, 400)["code"] == code


@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_JSON])
def test_nothing_is_recorded_by_get(
    ledger: Ledger, graphql: GraphQL, accept: str
) -> None:
    head = ledger.position
    response = graphql.client.get(
        PATH, params={"query": MUTATION}, headers={"accept": accept}
    )
    assert refusal(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"
    assert ledger.position == head


def test_there_is_nothing_below_and_no_redirect(graphql: GraphQL) -> None:
    for path in (f"{PATH}/", f"{PATH}/x"):
        response = graphql.client.post(path, json={}, follow_redirects=False)
        assert response.status_code == 404


def test_a_browser_gets_no_page_unless_it_is_wanted(graphql: GraphQL) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = graphql.client.get(PATH, headers={"accept": accept})
    assert refusal(response, 400)["code"] == "graphql_request"
    response = graphql.client.get(PATH, headers={"accept": "text/html"})
    assert refusal(response, 406)["code"] == "not_acceptable"


# --- who asks -------------------------------------------------------------------------


def test_a_scope_that_does_not_reach_records_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    _, token = keys.add(path, "read", "reader")
    head = ledger.position
    with asking(ledger, keys=path) as graphql:
        graphql.client.headers["authorization"] = f"Bearer {token}"
        events = [{"topicOpened": {"topic": "t", "title": "T"}}]
        assert graphql.code(RECORD, events=events) == "forbidden"
        assert ledger.position == head
        assert graphql.data("{ ledger { position } }") == {"ledger": {"position": head}}


def test_who_has_no_key_is_not_answered(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "admin")
    with asking(ledger, keys=path) as graphql:
        response = graphql.post({"query": "{ __typename }"})
        assert response.status_code == 401
        assert response.json()["code"] == "unauthorized"


def test_the_caller_records_what_names_nobody(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    _, token = keys.add(path, "record", "desk")
    with asking(ledger, keys=path) as graphql:
        graphql.client.headers["authorization"] = f"Bearer {token}"
        events = [
            {"topicOpened": {"topic": "t", "title": "T"}},
            {"topicOpened": {"topic": "u", "title": "U", "recorder": "ann"}},
        ]
        graphql.data(RECORD, events=events)
    assert [event.recorder for event in ledger.events(after=1)] == ["desk", "ann"]
