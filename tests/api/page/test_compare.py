"""Two points side by side: counts, claims that differ, and because of what."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from dateline import Ledger
from tests.api.ops.asking import asking
from tests.api.page.markup import Element, fields, read
from tests.builders import (
    asserted,
    confirmed,
    denied,
    framed,
    opened,
    registered,
    retracted,
    voided,
    withheld,
)

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve a claim that changes from day to day, and one of another topic."""
    ledger.record(opened("war"), opened("trade"))
    ledger.record(registered("seoul"), registered("moscow"), registered("nato"))
    ledger.record(
        framed("troops", topics=("war",)),
        framed("grain", text="Grain is sold", topics=("trade",)),
    )
    ledger.record(
        withheld(by="nato", said_at="2024-10-20"),
        asserted(by="seoul", said_at="2024-10-21", quote="We <i>saw</i> them"),
        denied(by="moscow", said_at="2024-10-22", id="denial"),
        asserted("grain", by="moscow", said_at="2024-10-22"),
    )
    with asking(ledger) as found:
        yield found


def compare(client: TestClient, **query: Any) -> Element:
    named = {name.rstrip("_"): value for name, value in query.items()}
    answer = client.get("/compare", params=named)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def sides(page: Element) -> list[str]:
    return [
        side.one("p", class_="counts").text
        for side in page.every("section", class_="side")
    ]


def change(page: Element, claim: str) -> dict[str, Any]:
    """Return what is said of a claim that differs."""
    item = page.one("li", id=f"claim-{claim}")
    tally = item.one("dl").every("div")
    return {
        "states": [one.text for one in item.every("span", class_="state")],
        "flags": [
            one.text.partition(":")[0] for one in item.every("p", class_="flags")
        ],
        "tally": {row.one("dt").text: row.one("dd").text for row in tally},
        "reasons": [one.text for one in item.every("li")],
    }


def changed(page: Element) -> list[str]:
    return [item["id"] for item in page.every("li", class_="claim")]


def test_a_claim_that_differs_says_from_what_to_what_and_why(
    client: TestClient,
) -> None:
    page = compare(client, from_="2024-10-20", to="2024-10-22", topic="war")

    assert sides(page) == ["1 raised", "1 disputed"]
    assert page.one("h1").text == "What changed: About war"
    assert change(page, "troops") == {
        "states": ["raised", "disputed"],
        "flags": [],
        "tally": {"Now for": "Seoul", "Now against": "Moscow"},
        "reasons": [
            "Seoul asserts it: We <i>saw</i> them said 2024-10-21",
            "Moscow denies it said 2024-10-22",
        ],
    }
    assert changed(page) == ["claim-troops"]


def test_the_earlier_point_may_be_the_second_one(client: TestClient) -> None:
    page = compare(client, from_="2024-10-22", to="2024-10-20", topic="war")

    assert sides(page) == ["1 disputed", "1 raised"]
    assert change(page, "troops")["tally"] == {
        "No longer for": "Seoul",
        "No longer against": "Moscow",
    }


def test_the_points_can_be_swapped(client: TestClient) -> None:
    page = compare(
        client, from_="2024-10-20", from_recorded_by=9, to="2024-10-22", topic="war"
    )

    swapped = read(client.get(page.one("a", class_="swap")["href"]).text)

    assert sides(page) == ["1 raised", "1 disputed"]
    assert sides(swapped) == ["1 disputed", "1 raised"]


def test_what_the_ledger_learnt_differs_at_one_day(
    client: TestClient, ledger: Ledger
) -> None:
    """Flags, verification and origins are told, and our own mistake as ours."""
    ledger.record(
        voided("denial", reason="Misheard"),
        confirmed(by="seoul", said_at="2024-10-22"),
        retracted(by="nato", said_at="2024-10-22"),
    )
    page = compare(
        client, from_="2024-10-22", from_recorded_by=12, to="2024-10-22", topic="war"
    )

    assert change(page, "troops") == {
        "states": ["disputed", "confirmed"],
        "flags": ["Now single origin"],
        "tally": {
            "No longer against": "Moscow",
            "Now verified by": "Seoul",
            "No longer withholds": "Nato",
            "Took it back": "Nato",
            "Origins": "0, then 1 independent",
        },
        "reasons": [
            "Moscow denies it said 2024-10-22",
            "Our record of a statement was wrong: Misheard recorded 2024-11-01 "
            "12:00:00.000005Z",
            "Seoul confirms it, of its own knowledge said 2024-10-22",
            "Nato takes back what it said said 2024-10-22",
        ],
    }


def test_a_topic_that_was_not_open_yet_had_nothing(client: TestClient) -> None:
    page = compare(
        client, from_="2024-10-22", from_recorded_by=1, to="2024-10-22", topic="war"
    )

    assert sides(page) == ["Nothing had been said.", "1 disputed"]
    answer = client.get("/compare?topic=peace")
    assert answer.status_code == 404 and "unknown_topic" in answer.text


def test_before_the_ledger_was_opened_there_was_nothing(client: TestClient) -> None:
    page = compare(client, from_recorded_by=0, to="2024-10-22", to_recorded_by=0)

    assert sides(page) == ["Nothing had been said."] * 2
    assert "Nothing differs" in page.one("li", class_="nothing").text


def test_points_that_are_left_out_are_today_and_the_day_before(
    client: TestClient,
) -> None:
    answer = client.get("/compare?to=2024-10-22", follow_redirects=False)
    assert answer.headers["Location"] == (
        "/compare?to=2024-10-22&to_recorded_by=12&from=2024-10-21&from_recorded_by=12"
    )
    answer = client.get("/compare?to_recorded_by=9", follow_redirects=False)
    location = answer.headers["Location"]
    assert "from_recorded_by=9" in location and "&to=20" in location


def test_links_of_other_views_lead_to_their_point(client: TestClient) -> None:
    answer = client.get("/compare?on=2024-10-21&recorded_by=9", follow_redirects=False)

    assert answer.headers["Location"] == (
        "/compare?to=2024-10-21&to_recorded_by=9&from=2024-10-20&from_recorded_by=9"
    )
    page = read(client.get(answer.headers["Location"]).text)
    links = {link.text: link["href"] for link in page.every("a")}
    assert links["Topics"] == "/topics?on=2024-10-21&recorded_by=9"


@pytest.mark.parametrize(
    "query", ["to=soon", "from=2024-02-30", "from=2024", "to=2024-10-22T09:00"]
)
def test_what_is_no_point_is_refused_as_over_rest(
    client: TestClient, query: str
) -> None:
    answer = client.get(f"/compare?{query}")

    assert answer.status_code == 400
    assert "Code: invalid_time" in read(answer.text).text or (
        "Code: impossible_date" in read(answer.text).text
    )


def test_the_first_day_there_is_has_none_before_it(client: TestClient) -> None:
    page = compare(client, to="0001-01-01")

    assert sides(page) == ["Nothing had been said."] * 2


def test_the_form_has_both_points_and_the_topic(client: TestClient) -> None:
    page = compare(client, from_="2024-10-20", to="2024-10-22", topic="trade")

    (form,) = (one for one in page.every("form") if one["action"] == "/compare")
    assert fields(form) == {
        "from": "2024-10-20",
        "from_recorded_by": "12",
        "to": "2024-10-22",
        "to_recorded_by": "12",
        "topic": "trade",
    }


def test_pages_follow_a_cursor_at_the_same_points(
    client: TestClient, ledger: Ledger
) -> None:
    ledger.record(*(framed(f"many-{n:03}", topics=("war",)) for n in range(60)))
    ledger.record(*(asserted(f"many-{n:03}") for n in range(60)))
    query = {"from": "2024-10-19", "to": "2024-10-22", "topic": "war"}
    first = compare(client, **query)
    ledger.record(framed("many-999", topics=("war",)), asserted("many-999"))

    (link,) = first.every("a", rel="next")
    second = read(client.get(link["href"]).text)

    assert len(changed(first)) == 50 and len(changed(second)) == 11
    assert not second.every("a", rel="next")
    whole = client.get("/compare", params={**query, "format": "json"}).json()
    assert len(whole["changes"]) == 62 and whole["next"] is None


def test_its_data_is_what_rest_answers(client: TestClient) -> None:
    query = "from=2024-10-20&to=2024-10-22&topic=war"

    data = client.get(f"/compare?{query}&format=json")

    assert data.json() == client.get(f"/v1/changes?{query}").json()


def test_the_picture_counts_who_went_where(client: TestClient) -> None:
    query = "from=2024-10-20&to=2024-10-22"
    picture = ElementTree.fromstring(client.get(f"/compare?{query}&format=svg").text)
    shown = compare(client, from_="2024-10-20", to="2024-10-22").one(
        "svg", class_="matrix"
    )

    titles = [one.text for one in picture.iter(f"{SVG}title")]
    assert titles == [
        "1 claim: raised, then disputed",
        "1 claim: unreported, then asserted",
    ]
    assert (
        picture.attrib["aria-label"]
        == shown["aria-label"]
        == (
            "Claims by status before and after: 1 raised, then disputed; "
            "1 unreported, then asserted"
        )
    )


def test_a_policy_counts_at_both_points(client: TestClient) -> None:
    policy = '{"confirmations": 2, "independent": false, "implicit": "count"}'
    page = compare(client, from_="2024-10-20", to="2024-10-22", policy=policy)

    (form,) = (one for one in page.every("form") if one["action"] == "/compare")
    assert '"confirmations":2' in fields(form)["policy"]
    assert '"confirmations":2' in page.one("footer", class_="receipt").text
