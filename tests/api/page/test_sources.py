"""The source view: who it is, what it held when, where it walked back; their list."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.domain.answers import as_json
from tests.api.ops.asking import asking
from tests.api.page.browsers import barriers, tab
from tests.api.page.markup import Element, read
from tests.api.serving import serving
from tests.builders import (
    asserted,
    confirmed,
    corrected,
    denied,
    framed,
    promised,
    rated,
    registered,
    retracted,
    sources,
    voided,
    withheld,
)

IGNORING = '{"implicit": "ignore"}'


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve the ledger of the test, with sources and two claims."""
    ledger.record(*sources("nato", alliance="nato", rutte="alliance"))
    ledger.record(
        framed("troops", text="Troops are there"), framed("none", text="None")
    )
    with asking(ledger) as found:
        yield found


def source(client: TestClient, id: str = "rutte", **query: Any) -> Element:
    answer = client.get(f"/sources/{id}", params=query)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def rows(page: Element) -> list[list[str]]:
    """Return the cells of the page's table, if it has one."""
    return [
        [cell.text for cell in (*row.every("th"), *row.every("td"))]
        for body in page.every("tbody")
        for row in body.every("tr")
    ]


def turns(page: Element) -> list[str]:
    return [
        item.text
        for section in page.every("section", class_="turns")
        for item in section.every("li")
    ]


def test_a_source_is_looked_at_on_the_day_of_its_last_statement(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="rutte", said_at="2024-10-20"),
        asserted("none", by="rutte", said_at="2024-10-23", id="wrong"),
        withheld("none", by="rutte", said_at="2024-10-22"),
        asserted(by="nato", said_at="2024-10-25"),
        voided("wrong"),
    )
    assert "on=2024-10-22" in str(client.get("/sources/rutte").url)
    assert client.get("/sources/nobody").status_code == 404


def test_it_says_who_the_source_is_and_for_whom_it_speaks(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        corrected("rutte", name="Mark Rutte", kind="person", country="Netherlands"),
        corrected("rutte", url="https://example.org/rutte"),
        rated("B", "rutte", rater="desk", note="So far"),
    )
    page = source(client)

    assert page.one("h1").text == "Mark Rutte"
    assert page.one("p", class_="lead").text == "person, Netherlands rutte"
    assert [one.text for one in page.one("dl", class_="who").every("dd")] == [
        "Alliance, which speaks for Nato",
        "https://example.org/rutte",
        "B, usually reliable, by desk: So far",
    ]
    (itself,) = source(client, "nato").one("dl", class_="who").every("dd")
    assert itself.text == "itself"


def test_it_tells_what_the_source_held_and_where_it_walked_back(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="rutte", said_at="2024-10-20", strength="hedged"),
        withheld("none", by="rutte", said_at="2024-10-20"),
        denied(by="rutte", said_at="2024-10-22"),
    )
    before = source(client, on="2024-10-21")
    assert rows(before) == [
        ["None", "cannot confirm it", "end of 2024-10-20", ""],
        ["Troops are there", "asserts it, hedged", "end of 2024-10-20", ""],
    ]
    assert turns(before) == []

    after = source(client, on="2024-10-22")
    assert rows(after)[1] == [
        "Troops are there",
        "denies it",
        "end of 2024-10-22",
        "walked back",
    ]
    assert turns(after) == [
        "Troops are there First it asserts it, hedged (said 2024-10-20), "
        "then it denies it (said 2024-10-22)."
    ]


def test_what_a_policy_leaves_out_was_never_walked_back(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        confirmed(by="rutte", said_at="2024-10-18"),
        denied(by="rutte", said_at="2024-10-19", strength="implicit"),
        retracted(by="rutte", said_at="2024-10-20"),
    )
    (told,) = turns(source(client))
    assert "First it denies it, implicitly" in told
    (told,) = turns(source(client, policy=IGNORING))
    assert "First it confirms it (said 2024-10-18), then it takes back" in told


def test_its_statements_are_told_in_order_and_only_those_known(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="rutte", said_at="2024-10-20", quote="<i>There</i>"),
        withheld("none", by="rutte", said_at="2024-10-21"),
        denied(by="rutte", said_at="2024-10-23"),
        asserted(by="nato", said_at="2024-10-20"),
        promised(source="nato", awaits="rutte"),
    )
    page = source(client, on="2024-10-22")

    known = page.one("section", id="statements").every("li", class_="statement")
    assert [
        (one.one("h3").text, one.one("p", class_="stance").text) for one in known
    ] == [
        ("None", "cannot confirm it"),
        ("Troops are there", "asserts it"),
    ]
    assert known[1].one("blockquote").text == "<i>There</i>"
    later = page.one("details", class_="later")
    assert [one.text for one in later.every("p", class_="stance")] == ["denies it"]
    assert "Nato promises word of Rutte" in page.one("section", class_="promised").text


def test_its_json_is_the_contracts_and_its_csv_has_a_row_for_each_statement(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="rutte", id="s1", quote="=1+1"), promised(source="rutte", id="p1")
    )
    point: dict[str, Any] = {"on": "2024-10-20", "recorded_by": ledger.position}
    data = client.get("/sources/rutte", params={**point, "format": "json"}).json()

    assert data == {
        "source": as_json(ledger.source("rutte")),
        "positions": as_json(ledger.positions("rutte", on="2024-10-20")),
        "expectations": [
            as_json(one) for one in ledger.expectations(on="2024-10-20").expectations
        ],
        "events": [e.model_dump(mode="json") for e in ledger.events(source="rutte")],
    }
    table = client.get("/sources/rutte", params={**point, "format": "csv"})
    (row,) = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
    assert (row["statement"], row["claim"], row["quote"]) == ("s1", "troops", "'=1+1")


def test_sources_are_listed_by_id_page_by_page(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(*(registered(f"s{number:03}") for number in range(120)))
    first = read(client.get("/sources").text)

    assert len(rows(first)) == 100
    assert rows(first)[0] == ["Alliance alliance", "", "Nato", "", ""]
    following = read(client.get(first.one("a", rel="next")["href"]).text)
    assert [row[0] for row in rows(following)][-1] == "S119 s119"
    assert len(rows(following)) == 23
    assert not following.every("a", rel="next")
    data = client.get("/sources?format=json").json()
    assert data == as_json(ledger.sources(first=100))


def test_before_anything_was_registered_there_is_no_source(client: TestClient) -> None:
    assert "No source was registered." in client.get("/sources?recorded_by=1").text
    assert client.get("/sources/rutte?recorded_by=1").status_code == 404


def test_nothing_keeps_anybody_from_a_source(
    ledger: Ledger, client: TestClient, browser: Browser
) -> None:
    ledger.record(
        corrected("rutte", name="ر" * 300, url="javascript:alert(1)"),
        asserted(by="rutte", said_at="2024-10-20", quote="x" * 900),
        denied(by="rutte", said_at="2024-10-22"),
    )
    with (
        serving(ledger) as url,
        tab(browser, url, viewport={"width": 390, "height": 900}) as page,
    ):
        for path in ("/sources/rutte", "/sources"):
            page.goto(path)
            assert barriers(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
