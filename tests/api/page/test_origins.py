"""The graph of origins: what it draws and tells, held against what the rule found."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dateline import Ledger, Policy
from dateline.api.page.claim import history_of
from dateline.api.page.origins import reading_of
from dateline.api.page.pictures.origins import Graph, Kind, Node, graph_of
from dateline.domain.rule import Implicit
from dateline.domain.times import Zone
from tests.api.ops.asking import asking
from tests.api.page.markup import Element, read
from tests.builders import asserted, denied, framed, sources, voided
from tests.strategies import Script, ledgers, points
from tests.test_laws import recorded


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    """Serve the ledger of the test, with a claim and some sources."""
    ledger.record(*sources("seoul", "kyiv", "moscow", "nato", rutte="nato"), framed())
    with asking(ledger) as found:
        yield found


def claim(client: TestClient) -> Element:
    return read(client.get("/claims/troops").text)


def test_origins_are_drawn_and_told_with_circles_and_what_was_withdrawn(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(*sources("a", "b", "c"))
    ledger.record(
        asserted(by="seoul", id="s1", basis="own"),
        asserted(by="rutte", basis=("s1",)),
        asserted(by="a", basis=("b",)),
        asserted(by="b", basis=("a", "c")),
        asserted(by="kyiv", id="wrong"),
        asserted(by="moscow", basis=("wrong", "nato")),
        denied(by="nato"),
        voided("wrong"),
    )
    page = claim(client)

    told = [one.text for one in page.one("details", class_="paths").every("li")]
    assert sorted(told) == [
        "A rests on B.",
        "A, as cited, rests on B, who rests on it in turn: circular.",
        "B rests on A; rests on what C knows.",
        "B, as cited, rests on A, who rests on it in turn: circular; "
        "leads to what C knows.",
        "Moscow rested on a statement of Kyiv whose record is void: withdrawn; "
        "rested on Nato, who is no longer on that side: withdrawn.",
        "Rutte rests on Seoul.",
        "Seoul rests on what Seoul knows.",
        "Seoul, as cited, leads to what Seoul knows.",
    ]
    drawn = page.one("svg", class_="origins")
    dashed = [
        one for one in drawn.every("path") if "stroke-dasharray" in one.attributes
    ]
    assert len(dashed) == 4
    named = {
        one.every("text")[0].text: one["class"]
        for one in drawn.every("g", class_="node")
    }
    assert named["Kyiv"] == "node voided"
    assert named["C"] == "node origin"


def test_what_says_no_basis_and_what_cites_itself_lead_where_the_rule_says(
    ledger: Ledger, client: TestClient
) -> None:
    ledger.record(
        asserted(by="kyiv"),
        asserted(by="seoul", basis=("kyiv", "rutte")),
        asserted(by="moscow", said_at="2024-10-18", id="m1", basis=("nato",)),
        asserted(by="moscow", said_at="2024-10-19", basis=("m1",)),
    )
    page = claim(client)

    told = [one.text for one in page.one("details", class_="paths").every("li")]
    assert sorted(told) == [
        "Kyiv, as cited, leads to what Kyiv knows.",
        "Moscow rests on what Nato knows.",
        "Rutte, as cited, leads to what Nato knows.",
        "Seoul rests on Kyiv; rests on Rutte.",
    ]
    without = "1 source takes a side without an origin: Kyiv."
    assert without in page.one("section", class_="why").text


@settings(max_examples=100)
@given(script=ledgers(), data=st.data())
def test_the_lines_lead_to_the_origins_that_the_rule_found(
    script: Script, data: st.DataObject
) -> None:
    on = data.draw(points(script))
    with recorded(script) as ledger:
        past = data.draw(st.integers(1, ledger.position))
        for framing in ledger.events(types=["ClaimFramed"]):
            for position in {past, ledger.position}:
                if framing.position <= position:
                    for implicit in Implicit:
                        policy = Policy(implicit=implicit)
                        id = framing.stored["claim"]
                        check_lines(ledger, id, on, position, policy)


def check_lines(
    ledger: Ledger, id: str, on: str, position: int, policy: Policy
) -> None:
    """Check that the graph of a claim leads to what is explained of it."""
    events = [one for one in ledger.events(claim=id) if one.position <= position]
    explanation = ledger.explain(id, on=on, recorded_by=position, policy=policy)
    history = history_of(Zone(ledger.timezone), events)
    reading = reading_of(ledger, explanation, history)
    graph = graph_of(explanation.standings, reading)
    for one in explanation.standings:
        if one.side is not None:
            assert led_to(graph, one.source) == (
                set(one.origins),
                "circular" in one.flags,
                "basis_withdrawn" in one.flags,
            )


def led_to(graph: Graph | None, source: str) -> tuple[set[str], bool, bool]:
    """Follow the lines from a standing: its origins, and whether any is dashed."""
    waiting, passed = [Node(Kind.STANDS, source)], set[Node]()
    origins, is_circular, is_withdrawn = set[str](), False, False
    while waiting:
        node = waiting.pop()
        passed.add(node)
        for line in graph.lines if graph is not None else ():
            if line.begin == node:
                is_circular |= line.is_circular
                is_withdrawn |= line.is_withdrawn
                if line.end.kind is Kind.ORIGIN:
                    origins.add(line.end.id)
                if line.end not in passed:
                    waiting.append(line.end)
    return origins, is_circular, is_withdrawn
