"""The claim view: a claim's life, why its status is what it is, what was said of it."""

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
    Clock,
    asserted,
    assessed,
    captured,
    confirmed,
    denied,
    framed,
    linked,
    opened,
    promised,
    registered,
    retracted,
    reworded,
    sources,
    voided,
    withheld,
)

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve the ledger of the test, with a topic, two claims and some sources."""
    ledger.record(opened(), *sources("seoul", "kyiv", "moscow", "nato", rutte="nato"))
    ledger.record(framed(topics=("dprk-troops",)), framed("none", text="None are"))
    with asking(ledger) as found:
        yield found


def claim(client: TestClient, id: str = "troops", **query: Any) -> Element:
    answer = client.get(f"/claims/{id}", params=query)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def said(page: Element) -> list[str]:
    """Return who said what of those statements that are known, in their order."""
    return [one.one("h3").text for one in known(page).every("li", class_="statement")]


def known(page: Element) -> Element:
    return page.one("section", id="statements")


def section(page: Element, heading: str) -> Element:
    (found,) = [
        one
        for one in page.every("section")
        if one.every("h2") and one.every("h2")[0].text.startswith(heading)
    ]
    return found


def standings(page: Element) -> dict[str, list[str]]:
    """Return the table of who stands where, by source."""
    rows = page.one("table").one("tbody").every("tr")
    return {row.one("th").text: [cell.text for cell in row.every("td")] for row in rows}


# --- its life ---------------------------------------------------------------------


def test_a_claim_is_looked_at_on_the_last_day_that_its_state_changed(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(said_at="2024-10-20"), denied(by="kyiv", said_at="2024-10-22")
    )
    answer = client.get("/claims/troops")

    assert "on=2024-10-22" in str(answer.url)
    assert f"recorded_by={ledger.position}" in str(answer.url)
    assert client.get("/claims/nobody").status_code == 404


def test_its_life_is_a_strip_whose_stretches_lead_to_their_first_days(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        withheld(by="nato", said_at="2024-10-18"),
        asserted(said_at="2024-10-20"),
        asserted(by="kyiv", said_at="2024-10-21"),
        denied(by="moscow", said_at="2024-10-22"),
    )
    strip = claim(client, on="2024-10-20").one("svg", class_="spans")

    stretches = strip.every("a")
    assert [one["aria-label"] for one in stretches] == [
        "raised from end of 2024-10-18 to end of 2024-10-20",
        "asserted from end of 2024-10-20 to end of 2024-10-22",
        "disputed from end of 2024-10-22, still",
    ]
    for link, status in zip(stretches, ("raised", "asserted", "disputed"), strict=True):
        page = read(client.get(link["href"]).text)
        assert page.one("section", class_="standing").one("h2").text.startswith(status)
    # Of the six days from the 17th to the 22nd, the fourth is looked at.
    assert strip.one("rect", class_="now")["x"] == "50.0%"


def test_what_held_for_hours_is_met_within_its_day(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(said_at="2024-10-20T10:00:00Z"),
        retracted(said_at="2024-10-20T15:00:00Z"),
    )
    first, second = claim(client).one("svg", class_="spans").every("a")

    assert "on=2024-10-20T10%3A00%3A00Z" in first["href"]
    assert "on=2024-10-20&" in second["href"]
    page = read(client.get(first["href"]).text)
    assert page.one("section", class_="standing").one("h2").text.startswith("asserted")


def test_a_claim_that_nobody_spoke_of_has_a_page(client: TestClient) -> None:
    page = claim(client, "none")

    assert page.one("h1").text == "None are"
    assert (
        page.one("section", class_="standing").one("h2").text.startswith("unreported")
    )
    assert "Nothing was known to have been said." in known(page).text
    assert not page.every("table")


def test_other_wordings_and_other_claims_are_told(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        reworded("Troops are there", reason="Shorter"),
        linked("none", "troops", "contradicts"),
        linked("none", "troops", "supports"),
        linked("troops", "none", "refines"),
    )
    page = claim(client)

    assert page.one("h1").text == "Troops are there"
    assert "are deployed to fight" in section(page, "Earlier wordings").text
    assert "Shorter" in section(page, "Earlier wordings").text
    assert [one.text for one in section(page, "Other claims").every("li")] == [
        "contradicts None are",
        "is supported by None are",
        "refines None are",
    ]


# --- why --------------------------------------------------------------------------


def test_it_says_which_line_of_the_rule_fired_and_who_stands_where(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        confirmed(by="nato", said_at="2024-10-20"),
        denied(by="moscow", said_at="2024-10-20"),
        asserted(by="moscow", said_at="2024-10-21", strength="hedged"),
        denied(by="seoul", said_at="2024-10-21", strength="implicit"),
        withheld(by="kyiv", said_at="2024-10-21"),
    )
    page = claim(client, on="2024-10-21")
    why = page.one("section", class_="why")

    assert "fired: confirmed, confirmations ≥ n." in why.text
    assert [one.text for one in why.one("dl").every("dd")] == [
        "1 (n = 1)",
        "0 (n = 1)",
        "1",
    ]
    assert {who: row[:2] + row[3:5] for who, row in standings(page).items()} == {
        "Nato": ["for", "confirms it", "its own", "Nato"],
        "Moscow": ["for", "asserts it, hedged", "not said", "none"],
        "Seoul": ["against", "denies it, implicitly", "not said", "none"],
        "Kyiv": ["on neither", "cannot confirm it", "not said", "none"],
    }
    flags = page.one("section", class_="standing").one("ul").text
    assert "contested" in flags
    assert "walked back" in flags
    assert "single origin" in flags


# --- what was said ----------------------------------------------------------------


def test_a_statement_comes_with_all_that_it_brought(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        captured(
            title="The report",
            publisher="nato",
            url="https://example.org/report?a=1&b=2",
            published_at="2024-10-20",
            sha256="ab" * 32,
        ),
        asserted(by="seoul", id="s1", said_at="2024-10-19"),
    )
    ledger.record(
        asserted(
            by="kyiv",
            said_at="2024-10-20",
            strength="hedged",
            basis=("s1", "moscow"),
            via=("nato",),
            document="article",
            quote="They are & will be there",
            note="On the radio",
            url="http://example.org/x",
        )
    )
    first = known(claim(client, on="2024-10-20")).every("li", class_="statement")[0]

    assert first.one("h3").text == "Kyiv asserts it, hedged"
    assert first.one("blockquote").text == "They are & will be there"
    for words in (
        "Said 2024-10-20, resting on what Seoul said 2024-10-19, Moscow, "
        "relayed by Nato",
        "On the radio",
        "In The report, Nato, published 2024-10-20; captured, SHA-256 " + "ab" * 32,
        "Late Recorded 2024-11-01",
    ):
        assert words in first.text
    links = {one["href"]: one for one in first.every("a")}
    assert "#said-s1" in links
    for url in ("https://example.org/report?a=1&b=2", "http://example.org/x"):
        assert links[url]["rel"] == "noreferrer nofollow"


def test_what_was_void_then_is_struck_out_with_the_reason(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(asserted(id="s1", quote="Never said"))
    before = ledger.position
    ledger.record(voided("s1", reason="Another Seoul"))

    (one,) = known(claim(client, on="2024-10-20")).every("li", class_="void")
    assert [struck.text for struck in one.every("del")] == [
        "Seoul asserts it",
        "Never said",
    ]
    assert "Void: our record was wrong. Another Seoul" in one.text
    page = claim(client, on="2024-10-20", recorded_by=before)
    assert not page.every("del")
    assert said(page) == ["Seoul asserts it"]


def test_what_became_known_later_stands_apart_and_what_may_have_been_known_too(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="seoul", said_at="2024-10-20"),
        asserted(by="kyiv", said_at="2024-10-20/2024-10-22"),
        asserted(by="moscow", said_at="2024-10-22"),
    )

    page = claim(client, on="2024-10-20")
    assert said(page) == ["Seoul asserts it"]
    possible = page.one("section", class_="possible")
    assert [one.text for one in possible.every("h3")] == ["Kyiv asserts it"]
    later = page.one("details", class_="later")
    assert [one.text for one in later.every("h3")] == ["Moscow asserts it"]
    assert "open" not in later.attributes

    page = claim(client, on="2024-10-22")
    assert sorted(said(page)) == [
        "Kyiv asserts it",
        "Moscow asserts it",
        "Seoul asserts it",
    ]
    assert not page.every("details", class_="later")


def test_assessments_and_promises_are_told_beside_the_status(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        assessed(likelihood="very likely", confidence="low", credibility=2, id="a1"),
        assessed(assessor="other", credibility=6, id="a2"),
        voided("a2", reason="Mixed up"),
        assessed(assessor="later", assessed_at="2024-10-25"),
        promised(quote="We shall tell"),
    )
    page = claim(client, on="2024-10-22")

    other, desk = section(page, "Assessments").every("li")
    assert desk.text.startswith("desk, 2024-10-22: very likely, low confidence, cred")
    assert "Mixed up" in other.text
    assert other.every("del")
    promise = page.one("section", class_="promised").text
    assert "open Seoul promises an update, due 2024-10-28 to 2024-10-29" in promise
    page = claim(client, on="2024-10-30")
    assert "lapsed Seoul" in page.one("section", class_="promised").text


def test_what_sources_say_is_shown_as_text_and_only_the_web_is_linked(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        registered("evil", name=HOSTILE),
        captured(title=HOSTILE, url="javascript:alert(1)"),
        framed("hostile", text=f"{HOSTILE}{'W' * 300}"),
    )
    hostile = {"quote": HOSTILE, "note": f"</li>{HOSTILE}", "document": "article"}
    for number, url in enumerate(
        ("java\nscript:alert(1)", "data:text/html,x", "http:x")
    ):
        day = f"2024-10-2{number}"
        ledger.record(asserted("hostile", by="evil", said_at=day, url=url, **hostile))
    page = claim(client, "hostile")

    assert page.one("h1").text.startswith(HOSTILE)
    assert {one["src"] for one in page.every("script")} == {"/assets/page.js"}
    assert {one.text for one in page.every("blockquote")} == {HOSTILE}
    assert len(page.every("code", dir="ltr")) == 6
    for link in page.every("a"):
        assert link["href"].startswith(("/", "#")), link["href"]


def test_pages_hold_two_hundred_statements_and_the_table_leads_to_the_right_one(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(*(registered(f"s{number:03}") for number in range(250)))
    ledger.record(
        *(
            asserted(
                by=f"s{number:03}",
                said_at=f"2024-10-{1 + number // 10:02}",
                id=f"e{number}",
            )
            for number in range(250)
        )
    )
    page = claim(client)

    assert len(said(page)) == 200
    older = page.one("nav", class_="pages").one("a", rel="next")
    assert len(said(read(client.get(older["href"]).text))) == 50
    first = standings(page)["S000"]
    assert first[1] == "asserts it"
    (link,) = [one for one in page.every("a") if one["href"].endswith("#said-e0")]
    assert read(client.get(link["href"]).text).every("li", id="said-e0")
    assert "and 50 more" in page.one("section", class_="why").text
    assert client.get("/claims/troops?page=3").status_code == 400


# --- its other forms, and the browser ----------------------------------------------


def test_its_json_is_the_contracts_and_its_csv_has_a_row_for_each_statement(
    ledger: Ledger, client: TestClient, clock: Clock
) -> None:
    ledger.record(asserted(id="s1"), denied(by="kyiv", said_at="2024-10-22", id="s2"))
    position = ledger.position
    clock.step(days=1)
    ledger.record(asserted(by="moscow", id="s3"))
    point: dict[str, Any] = {"on": "2024-10-20", "recorded_by": position}
    data = client.get("/claims/troops", params={**point, "format": "json"}).json()

    assert data == {
        "explanation": as_json(
            ledger.explain("troops", on="2024-10-20", recorded_by=position)
        ),
        "timeline": as_json(ledger.timeline("troops", recorded_by=position)),
        "events": [
            event.model_dump(mode="json")
            for event in ledger.events(claim="troops")
            if event.position <= position
        ],
    }
    table = client.get("/claims/troops", params={**point, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [(row["statement"], row["reach"]) for row in rows] == [
        ("s2", "later"),
        ("s1", "known"),
    ]


def test_its_picture_stands_alone(ledger: Ledger, client: TestClient) -> None:
    ledger.record(confirmed())
    picture = client.get("/claims/troops?format=svg")

    assert picture.headers["content-type"].startswith("image/svg+xml")
    root = read(picture.text)
    assert root.every("symbol", id="mark-confirmed")
    assert root.one("use")["href"] == "#mark-confirmed"
    assert not root.every("link")


def test_nothing_keeps_anybody_from_a_crowded_claim(
    ledger: Ledger, client: TestClient, browser: Browser
) -> None:
    ledger.record(*(registered(f"s{number}") for number in range(60)))
    ledger.record(
        *(
            asserted(
                by=f"s{number}",
                said_at=f"2024-10-{1 + number // 3:02}",
                basis=(f"s{(number * 7 + 1) % 60}",) if number % 2 else "own",
            )
            for number in range(60)
        ),
        denied(by="moscow", said_at="2024-10-22", id="wrong", quote="ق" * 40),
        voided("wrong"),
    )
    with serving(ledger) as url:
        for width, scheme in ((390, "dark"), (1280, "light")):
            look: Any = {
                "color_scheme": scheme,
                "viewport": {"width": width, "height": 900},
            }
            with tab(browser, url, **look) as page:
                page.goto("/claims/troops")
                assert barriers(page) == []
                shown = page.evaluate("document.documentElement.scrollWidth")
                assert shown <= width
