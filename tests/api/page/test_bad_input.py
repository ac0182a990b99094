"""Whatever is asked of a page, it is answered or refused with a reason, in words."""

from collections.abc import Iterator

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

import dateline
from dateline import Ledger
from dateline.api import Settings, create_app
from tests.builders import asserted, framed, opened, registered
from tests.stores import Places

PATHS = (
    "/topics",
    "/topics/dprk-troops",
    "/claims/troops-deployed",
    "/sources",
    "/sources/rutte",
    "/search?q=troops",
    "/compare",
)
NO_DAYS = "x", "2024-13-01", "0000-01-01", "2024-10", "\0", "2024-10-22T10:00:00"
DAYS = "0001-01-01", "9999-12-31", "2024-10-22T10:00:00Z", "2024-10-22T10:00:00%2B02:00"
NO_POSITIONS = "-1", "42", "9" * 30, "2999-01-01", "abc", "٣"


@pytest.fixture
def client(example: Ledger) -> Iterator[TestClient]:
    with TestClient(create_app(example, Settings())) as found:
        yield found


def asked(client: TestClient, path: str, query: str) -> Response:
    sign = "&" if "?" in path else "?"
    return client.get(f"{path}{sign}{query}")


def refusal(response: Response) -> str:
    """Check that a page refuses and says why; return what it says."""
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-store"
    _, _, rest = response.text.partition('role="alert">')
    return rest.partition("</p>")[0]


@pytest.mark.parametrize("path", PATHS)
def test_a_day_that_is_none_is_refused(client: TestClient, path: str) -> None:
    name = "to" if path == "/compare" else "on"
    for day in NO_DAYS:
        for position in ("0", "41"):
            query = f"{name}={day}&recorded_by={position}".replace("\0", "%00")
            assert refusal(asked(client, path, query))


@pytest.mark.parametrize("path", ["/nowhere", "/topics/", "/claims/a/b"])
def test_where_no_page_is_browsers_get_one_and_programs_a_problem(
    client: TestClient, path: str
) -> None:
    browser = client.get(path, headers={"Accept": "text/html, */*;q=0.8"})
    program = client.get(path)

    assert browser.status_code == program.status_code == 404
    assert refusal(browser) == "there is no page at this address"
    assert 'href="/topics"' in browser.text
    assert program.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/v1/nothing", "/assets/nothing"])
def test_what_is_no_page_is_a_problem_for_browsers_too(
    client: TestClient, path: str
) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", PATHS)
def test_the_first_and_the_last_day_and_instants_are_answered(
    client: TestClient, path: str
) -> None:
    name = "to" if path == "/compare" else "on"
    for day in DAYS:
        for form in ("html", "json", "csv"):
            response = asked(client, path, f"{name}={day}&format={form}")
            assert response.status_code == 200, response.text


@pytest.mark.parametrize("path", PATHS)
def test_a_position_that_is_not_recorded_is_refused(
    client: TestClient, path: str
) -> None:
    for position in NO_POSITIONS:
        assert refusal(asked(client, path, f"recorded_by={position}"))


@pytest.mark.parametrize("path", PATHS)
def test_before_the_opening_nothing_is_known(client: TestClient, path: str) -> None:
    response = asked(client, path, "recorded_by=0")
    if path.count("/") == 2:
        assert "is not in the ledger at position 0" in refusal(response)
    else:
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("policy={", "a policy is"),
        ('policy={"confirmations":0}', "greater than or equal to 1"),
        ("confirmations=-1", "confirmations"),
        ("confirmations=²", "confirmations"),
        ("page=0", "page is between 1 and 1"),
        ("page=2", "page is between 1 and 1"),
        ("status=maybe", "there is no status"),
        ("on=2024-10-22&on=2024-10-21", "on is given more than once"),
    ],
)
def test_a_refusal_says_what_is_wrong(
    client: TestClient, query: str, words: str
) -> None:
    assert words in refusal(asked(client, "/topics/dprk-troops", query))


def test_a_program_that_asks_for_data_is_refused_as_the_api_refuses(
    client: TestClient,
) -> None:
    response = asked(client, "/topics/dprk-troops", "format=exe")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert "format is one of html, json, csv, svg" in response.json()["detail"]


@pytest.mark.parametrize(
    ("timezone", "on"),
    [
        ("Europe/Kyiv", "9999-12-31T23:59:59.999999Z"),
        ("America/New_York", "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_of_a_year_that_a_zone_has_not_is_answered(
    places: Places, timezone: str, on: str
) -> None:
    with dateline.open(places.new(), timezone=timezone) as ledger:
        ledger.record(opened("war"), registered("seoul"), framed(topics=("war",)))
        ledger.record(asserted(by="seoul", said_at="2024-10-20"))
        with TestClient(create_app(ledger, Settings())) as client:
            for path in ("/topics/war", "/claims/troops", "/sources/seoul"):
                assert asked(client, path, f"on={on}").status_code == 200
            assert asked(client, "/compare", f"to={on}").status_code == 200
