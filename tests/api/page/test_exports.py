"""What can be taken along from each view: data, tables and pictures, without a trap."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api.page.table import VIEWS
from tests.api.ops.asking import asking
from tests.api.page.markup import read
from tests.builders import asserted, denied, framed, linked, opened, registered

FORMULA = "=cmd|' /C calc'!A1"
HOSTILE = "</title><script>alert(1)</script>\x01\x1b & \"quoted\", 'so'\nand \ufffe on"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

POINTS = {"on": "2024-10-22", "from": "2024-10-19", "to": "2024-10-22"}
ASKED: dict[str, dict[str, str]] = {
    "/topics": {},
    "/topics/{topic}": {},
    "/claims/{claim}": {},
    "/sources": {},
    "/sources/{source}": {},
    "/compare": {"topic": "war.1_a-b"},
    "/search": {"q": "cmd"},
}
NAMED = {"{topic}": "war.1_a-b", "{claim}": "troops", "{source}": "seoul"}
PICTURED = (
    "/topics",
    "/topics/{topic}",
    "/claims/{claim}",
    "/sources/{source}",
    "/compare",
    "/search",
)


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve a ledger in which every text is a trap."""
    ledger.record(opened("war.1_a-b", title=HOSTILE, description=FORMULA))
    ledger.record(registered("seoul", name=FORMULA), registered("moscow", name=HOSTILE))
    ledger.record(
        framed("troops", text=FORMULA, topics=("war.1_a-b",)),
        framed("other", text=HOSTILE, topics=("war.1_a-b",)),
        linked("troops", "other"),
    )
    ledger.record(
        asserted(by="seoul", said_at="2024-10-20", quote=FORMULA, note=HOSTILE),
        denied(by="moscow", said_at="2024-10-21", quote=HOSTILE, basis=("seoul",)),
        asserted("other", by="moscow", said_at="2024-10-21", url="javascript:alert(1)"),
    )
    with asking(ledger) as found:
        yield found


def take(client: TestClient, view: str, form: str) -> Response:
    path = view
    for name, value in NAMED.items():
        path = path.replace(name, value)
    answer = client.get(path, params={**POINTS, **ASKED[view], "format": form})
    assert answer.status_code == 200, answer.text
    return answer


def test_every_view_is_looked_at_here() -> None:
    assert [view.path for view in VIEWS] == list(ASKED)


@pytest.mark.parametrize("view", ASKED)
def test_a_table_is_no_program(view: str, client: TestClient) -> None:
    """No cell is a formula, nor begins as one after white space that is skipped."""
    answer = take(client, view, "csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(BYTE_ORDER_MARK)
    text = answer.content.removeprefix(BYTE_ORDER_MARK).decode()
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(set(header)) == len(header) and rows
    assert all(len(row) == len(header) for row in rows)
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if re.match(r"\s*[=+@-]", cell)]
    assert "\r\n" in text


@pytest.mark.parametrize(
    ("view", "column"),
    [
        *(("/topics/{topic}", "text"), ("/claims/{claim}", "quote")),
        *(("/sources", "name"), ("/compare", "text"), ("/search", "text")),
    ],
)
def test_a_text_that_would_be_a_formula_says_that_it_is_text(
    view: str, column: str, client: TestClient
) -> None:
    text = take(client, view, "csv").content.decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert f"'{FORMULA}" in [row[column] for row in rows]


@pytest.mark.parametrize("view", ASKED)
def test_data_has_every_text_as_it_is(view: str, client: TestClient) -> None:
    answer = take(client, view, "json")

    assert answer.headers["Content-Type"] == "application/json"
    texts = list(texts_in(answer.json()))
    assert FORMULA in texts or HOSTILE in texts


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts_in(one)


@pytest.mark.parametrize("view", PICTURED)
def test_a_picture_stands_alone_and_runs_nothing(view: str, client: TestClient) -> None:
    answer = take(client, view, "svg")

    assert answer.headers["Content-Type"] == "image/svg+xml"
    picture = ElementTree.fromstring(answer.content)
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"role", "aria-label"} <= picture.attrib.keys()
    assert {"width", "height"} <= picture.attrib.keys() or "viewBox" in picture.attrib
    drawn = 0
    for one in picture.iter():
        name = one.tag.rpartition("}")[2]
        assert name not in ("script", "style", "foreignObject", "image"), name
        drawn += name in ("rect", "circle", "path", "line")
        for attribute in one.attrib:
            assert not attribute.startswith("on") and attribute != "style", attribute
            assert "href" not in attribute or one.attrib[attribute][0] in "#/"
    assert drawn


@pytest.mark.parametrize("view", [view for view in ASKED if view not in PICTURED])
def test_what_has_no_picture_says_what_there_is(view: str, client: TestClient) -> None:
    path = view.replace("{source}", "seoul")
    answer = client.get(path, params={**POINTS, **ASKED[view], "format": "svg"})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "format is one of html, json, csv"


@pytest.mark.parametrize("view", ASKED)
def test_each_page_offers_its_forms_under_a_name_of_a_file(
    view: str, client: TestClient
) -> None:
    page = read(take(client, view, "html").text)

    (forms,) = page.every("p", class_="forms")
    links = {link.text: link["href"] for link in forms.every("a")}
    assert list(links) == ["JSON", "CSV", "SVG"][: 3 if view in PICTURED else 2]
    for form, url in links.items():
        answer = client.get(url, follow_redirects=False)
        assert answer.status_code == 200, "its points are pinned"
        name = rf'inline; filename="[a-z0-9][a-z0-9._-]*\.{form.lower()}"'
        assert re.fullmatch(name, answer.headers["Content-Disposition"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("view", ASKED)
def test_a_page_shows_every_text_as_text(view: str, client: TestClient) -> None:
    page = read(take(client, view, "html").text)

    for script in page.every("script"):
        assert script["src"].startswith("/assets/") and not script.text
    for link in page.every("a"):
        assert not link["href"].lower().startswith("javascript:"), link["href"]
    assert not page.every("iframe") and not page.every("style")


def test_what_somebody_has_is_not_sent_again(client: TestClient) -> None:
    for form in ("html", "json", "csv", "svg"):
        first = take(client, "/compare", form)
        held = {"If-None-Match": first.headers["ETag"]}
        again = client.get(str(first.url), headers=held)
        assert again.status_code == 304 and not again.content
