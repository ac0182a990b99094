"""Methods, paths and media types: what there is, and how one is told of it."""

import pytest

from dateline import Ledger
from dateline.api.problems import NotAcceptable
from dateline.api.rest.media import accepted, content_type
from dateline.api.rest.table import OPERATIONS
from tests.api.rest.asking import NDJSON, Rest, refusal

PATHS = sorted({operation.path for operation in OPERATIONS})
QUERIES = {
    "/v1/knowledge": "on=2024-10-22",
    "/v1/claims/{id}": "on=2024-10-22",
    "/v1/claims/{id}/explanation": "on=2024-10-22",
    "/v1/changes": "from=2024-10-20&to=2024-10-22",
    "/v1/expectations": "on=2024-10-22",
    "/v1/sources/{id}/positions": "on=2024-10-22",
}
NAMES = {
    "claims": "troops",
    "sources": "seoul",
    "topics": "weapons",
    "documents": "article",
}


def url_of(path: str) -> str:
    """Return a URL that is answered, for a path of the table."""
    name = NAMES.get(path.split("/")[2], "")
    return f"{path.replace('{id}', name)}?{QUERIES.get(path, '')}".rstrip("?")


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_does_without_the_body(
    story: Ledger, rest: Rest, path: str
) -> None:
    plain = {"Accept-Encoding": "identity"}
    got = rest.get(url_of(path), plain)
    headed = rest.client.head(url_of(path), headers=plain)
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))
    unlike = "x-request-id"
    assert {k: v for k, v in headed.headers.items() if k != unlike} == {
        k: v for k, v in got.headers.items() if k != unlike
    }


@pytest.mark.parametrize("accept", [NDJSON, "text/event-stream"])
def test_head_of_a_stream_begins_none(story: Ledger, rest: Rest, accept: str) -> None:
    response = rest.client.head("/v1/events", headers={"Accept": accept})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith(accept)


@pytest.mark.parametrize("path", PATHS)
def test_options_says_what_there_is(story: Ledger, rest: Rest, path: str) -> None:
    response = rest.client.options(url_of(path))
    assert (response.status_code, response.content) == (204, b"")
    allowed = response.headers["allow"].split(", ")
    methods = {one.method for one in OPERATIONS if one.path == path}
    assert set(allowed) == {*methods, "HEAD", "OPTIONS"}
    assert ("accept-post" in response.headers) == ("POST" in methods)


@pytest.mark.parametrize(
    "path, method",
    [
        (path, method)
        for path in PATHS
        for method in ("PUT", "PATCH", "DELETE", "POST", "BREW")
        if (method, path) not in {(one.method, one.path) for one in OPERATIONS}
    ],
)
def test_another_method_is_told_which_there_are(
    story: Ledger, rest: Rest, path: str, method: str
) -> None:
    response = rest.client.request(method, url_of(path))
    assert refusal(response, 405)["code"] == "method_not_allowed"
    assert "GET" in response.headers["allow"].split(", ")


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/knowledge/",
        "/v1/claims",
        "/v1/claims/",
        "/v1/claims/troops/",
        "/v1/claims/troops/history",
        "/v1/claims/a/b/timeline",
        "/v2/knowledge",
        "/V1/knowledge",
    ],
)
def test_another_path_is_not_found_and_leads_nowhere(
    story: Ledger, rest: Rest, path: str
) -> None:
    response = rest.client.get(path, follow_redirects=False)
    assert refusal(response, 404)["code"] == "not_found"


@pytest.mark.parametrize("path", PATHS)
def test_what_cannot_be_given_is_not_acceptable(
    story: Ledger, rest: Rest, path: str
) -> None:
    response = rest.get(url_of(path), {"Accept": "text/html, application/*;q=0"})
    problem = refusal(response, 406)
    assert problem["code"] == "not_acceptable"
    assert "application/json" in problem["detail"]


OFFERED = ("application/json", NDJSON, "text/event-stream")


@pytest.mark.parametrize(
    "accept, given",
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON ; charset=utf-8", "application/json"),
        (NDJSON, NDJSON),
        ("text/*", "text/event-stream"),
        ("text/event-stream, */*;q=0.5", "text/event-stream"),
        ("application/json;q=0.1, application/x-ndjson;q=0.2", NDJSON),
        ("application/json;q=0, */*", NDJSON),
        ("*/*;q=0.9, application/json;q=0.2", NDJSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0.5;q=0.9", "application/json"),
        ("nonsense, application/json", "application/json"),
    ],
)
def test_the_type_wanted_most_is_given(accept: str, given: str) -> None:
    assert accepted([accept] if accept else [], OFFERED) == given


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/json;q=0",
        "*/*;q=0",
        "application/json;q=nan",
        "application/json;q=-1",
        "application/json;q=7",
        "nonsense",
        ",",
        "application/json/x",
    ],
)
def test_a_type_that_is_not_wanted_is_not_given(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        accepted([accept], ("application/json",))


def test_several_headers_are_one(story: Ledger) -> None:
    assert accepted(["text/html", NDJSON], OFFERED) == NDJSON


@pytest.mark.parametrize(
    "header, read",
    [
        ("application/json", ("application/json", "utf-8")),
        ("Application/JSON; Charset=UTF-8", ("application/json", "utf-8")),
        ('text/plain;charset="latin-1"', ("text/plain", "latin-1")),
        ("", ("", "utf-8")),
    ],
)
def test_a_content_type_is_read(header: str, read: tuple[str, str]) -> None:
    assert content_type(header) == read
