"""Pages: a page may begin after any entry, and is at the basis of the page before."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dateline import Ledger
from tests.api.graphql.asking import GraphQL, asking
from tests.builders import asserted, framed, registered
from tests.strategies import Script, ledgers
from tests.test_laws import recorded

ON = "2024-10-30"

PAGES = {
    "knowledge": """query ($first: Int, $after: String) {
      knowledge(on: "2024-10-30", first: $first, after: $after) { page: claims {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }""",
    "changes": """query ($first: Int, $after: String) {
      page: changes(from: {on: "2024-10-19"}, to: {on: "2024-10-30"},
                    first: $first, after: $after) {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
    "events": """query ($first: Int, $after: String) {
      page: events(first: $first, after: $after) {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
    "sources": """query ($first: Int, $after: String) {
      page: sources(first: $first, after: $after) {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
    "topics": """query ($first: Int, $after: String) {
      page: topics(first: $first, after: $after) {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
}


def page(graphql: GraphQL, name: str, **asked: Any) -> Any:
    data = graphql.data(PAGES[name], **asked)
    return (data.get("knowledge") or data)["page"]


def ids(page: Any) -> list[str]:
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    return [node["id"] for node in page["nodes"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_goes_on_after_any_entry(
    story: Ledger, graphql: GraphQL, name: str
) -> None:
    whole = page(graphql, name)
    everything = ids(whole)
    assert len(everything) > 1
    for index, edge in enumerate(whole["edges"]):
        rest = page(graphql, name, after=edge["cursor"])
        assert ids(rest) == everything[index + 1 :]
        assert rest["pageInfo"]["hasPreviousPage"] is True
    first = page(graphql, name, first=1)
    assert ids(first) == everything[:1]
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": whole["edges"][0]["cursor"],
        "endCursor": whole["edges"][0]["cursor"],
    }


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_has_no_cursors(
    story: Ledger, graphql: GraphQL, name: str
) -> None:
    last = page(graphql, name)["pageInfo"]["endCursor"]
    assert page(graphql, name, after=last)["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }


def test_a_page_is_at_the_basis_of_the_page_before(
    story: Ledger, graphql: GraphQL
) -> None:
    document = """query ($after: String) { knowledge(on: "2024-10-30", first: 1,
      after: $after) { basis { position } counts { status count }
      claims { nodes { id } pageInfo { endCursor } } } }"""
    first = graphql.data(document)["knowledge"]
    story.record(framed("zebra"), registered("tokyo"), asserted("zebra", by="tokyo"))
    second = graphql.data(document, after=first["claims"]["pageInfo"]["endCursor"])
    assert second["knowledge"]["basis"] == first["basis"]
    assert second["knowledge"]["counts"] == first["counts"]


def test_a_cursor_of_another_question_is_refused(
    story: Ledger, graphql: GraphQL
) -> None:
    cursor = page(graphql, "knowledge", first=1)["pageInfo"]["endCursor"]
    for asked in (
        '(on: "2024-10-29", after: $after)',
        '(on: "2024-10-30", topic: "weapons", after: $after)',
        '(on: "2024-10-30", policy: {confirmations: 2}, after: $after)',
        '(on: "2024-10-30", statuses: [RAISED], after: $after)',
    ):
        document = f"query ($after: String) {{ knowledge{asked} {{ basis {{ on }} }} }}"
        assert graphql.code(document, after=cursor) == "invalid_cursor"
    for name in ("changes", "events", "sources", "topics"):
        assert graphql.code(PAGES[name], after=cursor) == "invalid_cursor"


@pytest.mark.parametrize("after", ["", "x", "!", "999999", "-1"])
@pytest.mark.parametrize("name", PAGES)
def test_what_is_no_cursor_is_refused(
    story: Ledger, graphql: GraphQL, name: str, after: str
) -> None:
    assert graphql.code(PAGES[name], after=after) == "invalid_cursor"


@pytest.mark.parametrize("first", [0, -1, 1001])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_at_least_one_entry_and_at_most_as_many_as_are_allowed(
    story: Ledger, graphql: GraphQL, name: str, first: int
) -> None:
    error = graphql.error(PAGES[name], first=first)
    assert error["extensions"] == {"code": "invalid_argument", "parameter": "first"}


def test_the_most_that_a_page_holds_is_a_setting(story: Ledger) -> None:
    with asking(story, max_first=2) as graphql:
        assert len(ids(page(graphql, "events", first=2))) == 2
        assert len(ids(page(graphql, "events"))) == 2
        assert graphql.code(PAGES["events"], first=3) == "invalid_argument"


def test_null_is_the_default_size(story: Ledger, graphql: GraphQL) -> None:
    assert page(graphql, "events", first=None) == page(graphql, "events")


@settings(max_examples=30)
@given(script=ledgers(), size=st.integers(1, 4))
def test_pages_of_random_ledgers_leave_nothing_out(script: Script, size: int) -> None:
    with recorded(script) as ledger, asking(ledger) as graphql:
        for name in PAGES:
            whole = page(graphql, name, first=1000)
            found: list[str] = []
            after, has_next = None, True
            while has_next:
                one = page(graphql, name, first=size, after=after)
                found += ids(one)
                after = one["pageInfo"]["endCursor"]
                has_next = one["pageInfo"]["hasNextPage"]
            assert found == ids(whole)
