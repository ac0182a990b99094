"""The search page: claims, sources and quotes, found words marked, nothing to come."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api.page.search import excerpt, parts_of
from dateline.projections.words import query_of
from tests.api.ops.asking import asking
from tests.api.page.markup import Element, read
from tests.builders import asserted, framed, opened, registered

QUOTE = "Brigades & <b>battalions</b> were seen"


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve two topics, with a claim each, a source and a quote."""
    ledger.record(opened("war"), opened("trade"))
    ledger.record(registered("seoul", name="Séoul, brigade desk"))
    ledger.record(
        framed("brigades", text="Two brigades are sent", topics=("war",)),
        framed("grain", text="A brigade of lorries carries grain", topics=("trade",)),
    )
    ledger.record(
        asserted("brigades", said_at="2024-10-21", quote=QUOTE),
        asserted("grain", said_at="2024-10-22"),
    )
    with asking(ledger) as found:
        yield found


def search(client: TestClient, **query: str) -> Element:
    answer = client.get("/search", params=query)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def results(page: Element) -> dict[str, list[str]]:
    return {
        section.one("h2").text: [item.text for item in section.every("li")]
        for section in page.every("section", class_="results")
    }


def test_claims_come_with_their_status_and_quotes_with_source_and_claim(
    client: TestClient,
) -> None:
    page = search(client, q="brigade", on="2024-10-22")

    assert results(page) == {
        "Claims": [
            "Two brigades are sent asserted",
            "A brigade of lorries carries grain asserted",
        ],
        "Sources": ["Séoul, brigade desk seoul"],
        "Quotes": [
            f"{QUOTE} Séoul, brigade desk asserts it, said 2024-10-21: Two brigades "
            "are sent asserted"
        ],
    }


def test_the_claims_that_were_found_are_drawn_by_status(client: TestClient) -> None:
    page = search(client, q="brigade", on="2024-10-22")

    drawn = page.one("section", class_="glance").one("svg")
    assert [one.text for one in drawn.every("text")] == [
        *("Claims found by their text: 2", "2"),
        *("Claims found by a quote: 1", "1"),
    ]
    assert [one.one("title").text for one in drawn.every("rect")] == [
        "Claims found by their text: 2 asserted",
        "Claims found by a quote: 1 asserted",
    ]
    assert not search(client, q="séoul").every("section", class_="glance")


def test_nothing_is_found_before_it_was_known_or_recorded(client: TestClient) -> None:
    assert "Claims" not in results(search(client, q="grain", on="2024-10-21"))
    assert "Claims" in results(search(client, q="grain", on="2024-10-22"))
    at_6 = search(client, q="grain", on="2024-10-22", recorded_by="6")
    assert results(at_6) == {}


def test_a_topic_narrows_the_search(client: TestClient) -> None:
    found = results(search(client, q="brigade", on="2024-10-22", topic="trade"))

    assert found["Claims"] == ["A brigade of lorries carries grain asserted"]
    assert "Quotes" not in found
    assert client.get("/search?q=a&topic=nope").status_code == 404


def test_found_words_are_marked_and_markup_stays_text(client: TestClient) -> None:
    page = search(client, q="battalion", on="2024-10-22")

    (quote,) = page.every("section", class_="results")
    assert [mark.text for mark in quote.every("mark")] == ["battalions"]
    assert quote.one("q").text == QUOTE
    assert len(quote.every("b")) == 1, "the source's name, and nothing of the quote"


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("Séoul, SEOUL, and Seoulites", "séoul", ["Séoul", "SEOUL", "Seoulites"]),
        ("Seoulites of Seoul", "seoul of", ["of", "Seoul"]),
        ("Ёлка и елка", "елка", ["Ёлка", "елка"]),
        ("北韓軍隊在俄羅斯", "軍隊", ["軍隊"]),
        ("हिन्दी में", "हिन्दी", ["हिन्दी"]),
        ("Straße, STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("a_b a b", "a_b", ["a_b"]),
    ],
)
def test_words_are_marked_as_they_are_read(
    text: str, words: str, marked: list[str]
) -> None:
    parts = parts_of(text, query_of(words))

    assert "".join(part for part, _ in parts) == text
    assert [part for part, is_found in parts if is_found] == marked


def test_of_a_long_text_what_is_around_the_word_is_shown() -> None:
    text = "blank " * 500 + "needle" + " blank" * 500

    parts = excerpt(parts_of(text, ["needle"]))

    shown = "".join(part for part, _ in parts)
    assert ("needle", True) in parts
    assert shown.startswith("… ") and shown.endswith(" …") and len(shown) < 400
    assert shown.strip("… ") in text


def test_who_looks_for_nothing_is_told_what_to_look_for(client: TestClient) -> None:
    page = search(client)

    assert results(page) == {}
    assert "a place, a name" in page.one("p", class_="nothing").text
    for form in ("json", "csv"):
        assert client.get("/search", params={"format": form}).status_code == 400


def test_what_has_no_word_is_refused_beside_the_field(client: TestClient) -> None:
    page = search(client, q="?!")

    field = page.one("input", id="q")
    assert field["aria-invalid"] == "true" and "q-error" in field["aria-describedby"]
    assert page.one("p", id="q-error").text == (
        "there is no word in '?!'; look for at least one invalid_argument"
    )
    assert client.get("/search?q=?!&format=json").status_code == 400


def test_who_finds_nothing_is_led_on(client: TestClient) -> None:
    query = {"q": "zebra", "on": "2024-10-21", "recorded_by": "7", "topic": "war"}
    page = search(client, **query)

    hints = page.one("div", class_="nothing")
    links = {link.text: link["href"] for link in hints.every("a")}
    assert "topic" not in links["Look in all topics."]
    assert "recorded_by" not in links["Look in what is recorded by now."]
    assert "on=" not in links["Look at what is known today."]


def test_pages_follow_a_cursor_at_the_first_ones_position(
    client: TestClient, ledger: Ledger
) -> None:
    ledger.record(*(framed(f"many-{n:03}", text="Many of them") for n in range(60)))
    ledger.record(*(asserted(f"many-{n:03}") for n in range(60)))
    first = search(client, q="many", on="2024-10-22")
    ledger.record(framed("many-999", text="Many more"), asserted("many-999"))

    links = first.every("a", rel="next")
    second = read(client.get(links[0]["href"]).text)

    assert len(results(first)["Claims"]) == 50
    assert len(results(second)["Claims"]) == 10
    assert not second.every("a", rel="next")


def test_a_link_to_a_search_pins_both_points(client: TestClient) -> None:
    answer = client.get("/search?q=grain&on=2024-10-22", follow_redirects=False)

    assert answer.status_code == 307
    assert answer.headers["Location"] == "/search?q=grain&on=2024-10-22&recorded_by=8"
