"""The page of an application that another program has mounted somewhere."""

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app

LINK = re.compile(r'(?:href|src|action)="(/[^"]*)"')


@pytest.fixture
def mounted(example: Ledger) -> Iterator[TestClient]:
    app = Starlette(routes=[Mount("/desk", create_app(example, Settings()))])
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        *("", "topics", "topics/dprk-troops", "claims/troops-deployed", "sources"),
        *("sources/rutte", "compare", "search?q=troops", "record", "sign-in", "nobody"),
    ],
)
def test_no_link_leads_out_of_where_it_is_mounted(
    mounted: TestClient, path: str
) -> None:
    answer = mounted.get(f"/desk/{path}")
    assert answer.status_code == (404 if path == "nobody" else 200)
    links = LINK.findall(answer.text)
    assert links or path == "nobody"
    assert [link for link in links if not link.startswith("/desk/")] == []


def test_what_a_page_needs_is_there(mounted: TestClient) -> None:
    page = mounted.get("/desk/topics/dprk-troops")
    assert '<body data-root="/desk"' in page.text
    for link in LINK.findall(page.text):
        if "/assets/" in link:
            assert mounted.get(link).status_code == 200


def test_a_form_leads_to_what_it_recorded(mounted: TestClient) -> None:
    form = {"form": "source", "key": "once", "source": "kyiv", "name": "Kyiv"}
    here = {"Origin": "http://testserver"}
    answer = mounted.post("/desk/record", data=form, headers=here)
    assert answer.status_code == 200
    assert str(answer.url).startswith("http://testserver/desk/sources/kyiv?")
    assert "<h1" in answer.text and "Kyiv" in answer.text
