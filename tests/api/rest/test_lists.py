"""Lists of events: pages of JSON, and NDJSON that says when it has ended."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import Ledger
from dateline.domain.errors import LedgerDamaged
from dateline.domain.recorded import Mark
from dateline.projections.feed import Feed
from tests.api.rest.asking import NDJSON, Rest, asking, lines_of
from tests.builders import opened, stored
from tests.strategies import Script, ledgers
from tests.test_laws import recorded

LINES = {"Accept": NDJSON}


def test_a_page_is_what_is_stored(story: Ledger, rest: Rest) -> None:
    whole = stored(story)
    page = rest.json("/v1/events", first=3)
    assert page["events"] == whole[:3]
    assert page["position"] == story.position
    following = rest.json("/v1/events", first=1_000, after=page["next"])
    assert following["events"] == whole[3:]
    assert following["next"] is None


def test_a_position_is_a_cursor_too(story: Ledger, rest: Rest) -> None:
    page = rest.json("/v1/events", after="4")
    assert [event["position"] for event in page["events"]][:2] == [5, 6]
    assert rest.json("/v1/events", after=story.position)["events"] == []
    assert rest.json("/v1/events", after="0") == rest.json("/v1/events")


def test_the_default_page_is_fifty(ledger: Ledger, rest: Rest) -> None:
    ledger.record(*(opened(f"t{number}") for number in range(70)))
    assert len(rest.json("/v1/events")["events"]) == 50
    with asking(ledger, max_first=20) as small:
        assert len(small.json("/v1/events")["events"]) == 20
        assert small.code("/v1/events", 400, first=21) == "invalid_argument"


def test_the_end_of_a_page_that_is_full_is_known(ledger: Ledger, rest: Rest) -> None:
    ledger.record(*(opened(f"t{number}") for number in range(4)))
    assert rest.json("/v1/events", first=5)["next"] is None
    assert rest.json("/v1/events", first=4)["next"] is not None


def test_filters_leave_out(story: Ledger, rest: Rest) -> None:
    def found(**query: Any) -> list[tuple[str, Any]]:
        events = rest.json("/v1/events", **query)["events"]
        return [(event["type"], event.get("claim")) for event in events]

    assert found(type="ClaimDenied") == [("ClaimDenied", "troops")]
    both = found(type=["ClaimDenied", "TopicOpened"])
    assert both == [("TopicOpened", None)] * 2 + [("ClaimDenied", "troops")]
    assert found(type="ClaimDenied,TopicOpened") == both
    assert found(topic="weapons") == [
        ("TopicOpened", None),
        ("ClaimFramed", "shells"),
        ("ClaimAsserted", "shells"),
    ]
    assert found(source="moscow") == [
        ("SourceRegistered", None),
        ("ClaimDenied", "troops"),
    ]
    assert found(claim="troops", source="nato") == [("ConfirmationWithheld", "troops")]


def test_rare_events_are_looked_for_a_while(
    ledger: Ledger, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dateline.api.rest.listing.LOOKED_AT", 10)
    ledger.record(*(opened(f"t{number}") for number in range(30)))
    ledger.record(opened("rare"))
    pages, query = 0, {"topic": "rare", "first": 1}
    while not (page := rest.json("/v1/events", **query))["events"]:
        query["after"] = page["next"]
        pages += 1
    assert pages == 3
    assert page["events"][0]["topic"] == "rare"


def test_lines_are_all_there_is_and_say_so(ledger: Ledger, rest: Rest) -> None:
    ledger.record(*(opened(f"t{number}") for number in range(2_500)))
    *events, end = lines_of(rest.get("/v1/events", LINES))
    assert events == stored(ledger)
    assert end == {
        "end": True,
        "count": len(events),
        "position": ledger.position,
        "next": ledger.cursor(ledger.position),
    }


def test_lines_may_be_bounded_and_gone_on_with(story: Ledger, rest: Rest) -> None:
    whole = stored(story)
    *events, end = lines_of(rest.get("/v1/events", LINES, first=4))
    assert (events, end["count"]) == (whole[:4], 4)
    *events, end = lines_of(rest.get("/v1/events", LINES, after=end["next"]))
    assert events == whole[4:]
    *events, end = lines_of(rest.get("/v1/events", LINES, after=end["next"]))
    assert (events, end["count"]) == ([], 0)


@pytest.mark.parametrize("name", ["application/ndjson", "application/jsonl"])
def test_lines_come_by_the_name_asked_for(story: Ledger, rest: Rest, name: str) -> None:
    assert rest.get("/v1/events", {"Accept": name}).headers["content-type"] == name


def test_lines_that_are_cut_off_do_not_end(
    ledger: Ledger, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record(*(opened(f"t{number}") for number in range(2_500)))
    page = Feed.page

    def damaged(self: Feed, *args: Any, after: Mark, **named: Any) -> Any:
        if after.position >= 1_000:
            raise LedgerDamaged("the disk is gone")
        return page(self, *args, after=after, **named)

    monkeypatch.setattr(Feed, "page", damaged)
    *events, last = lines_of(rest.get("/v1/events", LINES))
    assert len(events) == 1_000
    assert last["error"]["code"] == "ledger_damaged"
    assert last["error"]["status"] == 500
    assert "end" not in last


@pytest.mark.parametrize("headers", [{}, LINES])
@pytest.mark.parametrize(
    "query, status, code",
    [
        ("after=nonsense", 400, "invalid_cursor"),
        ("after=9999", 400, "invalid_cursor"),
        ("after=", 400, "invalid_cursor"),
        ("after=-1", 400, "invalid_cursor"),
        ("type=ClaimGuessed", 400, "invalid_argument"),
        ("type=", 400, "invalid_argument"),
        ("first=0", 400, "invalid_argument"),
        ("topic=tanks", 404, "unknown_topic"),
    ],
)
def test_what_cannot_be_listed_is_refused_before_anything_is(
    story: Ledger,
    rest: Rest,
    headers: dict[str, str],
    query: str,
    status: int,
    code: str,
) -> None:
    response = rest.get(f"/v1/events?{query}", headers)
    assert response.status_code == status
    assert response.json()["code"] == code


def test_a_cursor_of_another_ledger_is_refused(story: Ledger, rest: Rest) -> None:
    with dateline.open(":memory:") as other:
        cursor = other.cursor(1)
    for path in ("/v1/events", "/v1/events?first=1"):
        assert rest.code(path, 400, after=cursor) == "invalid_cursor"


@settings(max_examples=30)
@given(data=st.data(), script=ledgers())
def test_filtered_lists_of_random_ledgers_are_the_librarys(
    data: st.DataObject, script: Script
) -> None:
    with recorded(script) as ledger, asking(ledger) as rest:
        events = stored(ledger)

        def drawn(name: str) -> Any:
            known = sorted({e[name] for e in events if isinstance(e.get(name), str)})
            return data.draw(st.none() | st.sampled_from(known)) if known else None

        wanted: dict[str, Any] = {name: drawn(name) for name in ("topic", "source")}
        if wanted["topic"] is None:
            wanted["claim"] = drawn("claim")
        after = data.draw(st.integers(0, ledger.position))
        types = data.draw(st.none() | st.lists(st.sampled_from(events), min_size=1))
        names = None if types is None else sorted({event["type"] for event in types})
        expected = [
            event.model_dump(mode="json")
            for event in ledger.events(after, **wanted, types=names)
        ]
        query = {**wanted, "type": names, "after": after}
        *lines, end = lines_of(rest.get("/v1/events", LINES, **query))
        assert (lines, end["count"]) == (expected, len(expected))
        assert rest.json("/v1/events", first=1_000, **query)["events"] == expected
