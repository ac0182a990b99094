"""Over GraphQL: cursors and feeds of a history that the ledger lost."""

import pytest

from tests.api.graphql.asking import GraphQL
from tests.api.graphql.test_sockets import CHANGES, EVENTS, socket
from tests.api.graphql.test_streams import both, stream
from tests.histories import LOST, SHARED, History, Loss

PAGES = {
    "events": """query ($after: String) { page: events(first: 8, after: $after) {
      pageInfo { endCursor } } }""",
    "topics": """query ($after: String) { page: topics(first: 1, after: $after) {
      pageInfo { endCursor } } }""",
    "changes": """query ($after: String) {
      page: changes(from: {on: "2024-10-01"}, to: {on: "2024-10-22"}, after: $after) {
        pageInfo { endCursor } } }""",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_lost_history_is_refused(
    history: History, graphql: GraphQL, loss: Loss, name: str
) -> None:
    cursor = graphql.data(PAGES[name])["page"]["pageInfo"]["endCursor"]
    assert graphql.data(PAGES[name], after=cursor)["page"]["pageInfo"]
    loss(history)
    assert graphql.code(PAGES[name], after=cursor) == "invalid_cursor"


def test_an_events_cursor_is_the_librarys(history: History, graphql: GraphQL) -> None:
    page = graphql.data(PAGES["events"])["page"]
    assert page["pageInfo"]["endCursor"] == history.ledger.cursor(8)


@both
@pytest.mark.parametrize("query", [EVENTS, CHANGES], ids=["events", "changes"])
def test_who_follows_is_told_and_then_refused(
    history: History, url: str, loss: Loss, accept: str, query: str
) -> None:
    with stream(url, query, accept, after=str(SHARED)) as parts:
        cursor = parts.next()["cursor"]
        loss(history)
        codes = {
            payload["errors"][0]["extensions"]["code"]
            for _, payload in parts
            if payload and "errors" in payload
        }
        assert codes == {"history_lost"}
    with stream(url, query, accept, after=cursor) as parts:
        (refusal, *_) = [payload for _, payload in parts if payload]
        assert refusal["errors"][0]["extensions"]["code"] == "invalid_cursor"


def test_who_follows_on_a_socket_is_told(
    history: History, url: str, loss: Loss
) -> None:
    with socket(url) as client:
        client.subscribe("1", EVENTS, after=str(LOST - 1))
        assert client.next("1")["event"]["position"] == LOST
        loss(history)
        message = client.receive()
        (error,) = message["payload"]["errors"]
        assert error["extensions"]["code"] == "history_lost"
        assert error["extensions"]["position"] == LOST
        assert client.receive() == {"type": "complete", "id": "1"}
