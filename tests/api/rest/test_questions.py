"""REST answers what the library answers: each path, and random ledgers and points."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import DatelineError, Ledger, Policy
from dateline.domain.answers import Answer, as_json
from dateline.domain.errors import UnknownReference
from tests.api.rest.asking import Rest, asking, refusal
from tests.strategies import Script, ledgers, points, policies
from tests.test_laws import recorded

POLICY = '{"confirmations":2,"independent":true,"implicit":"ignore"}'
STRICT = Policy.model_validate_json(POLICY)
AT = {"on": "2024-10-22", "recorded_by": "12"}

Ask = Callable[[Ledger], Answer]


@pytest.mark.parametrize(
    "path, query, ask",
    [
        ("knowledge", AT, lambda ledger: ledger.knowledge(**AT)),
        (
            "knowledge",
            {**AT, "topic": "dprk-troops", "policy": POLICY, "status": "disputed"},
            lambda ledger: ledger.knowledge(
                **AT, topic="dprk-troops", policy=STRICT, statuses=["disputed"]
            ),
        ),
        ("claims/troops", AT, lambda ledger: ledger.claim("troops", **AT)),
        (
            "claims/troops",
            {**AT, "policy": POLICY},
            lambda ledger: ledger.claim("troops", **AT, policy=STRICT),
        ),
        (
            "claims/troops/timeline",
            {"recorded_by": "14", "policy": POLICY},
            lambda ledger: ledger.timeline("troops", recorded_by=14, policy=STRICT),
        ),
        (
            "claims/troops/explanation",
            {**AT, "policy": POLICY},
            lambda ledger: ledger.explain("troops", **AT, policy=STRICT),
        ),
        (
            "changes",
            {
                "from": "2024-10-20",
                "from_recorded_by": "14",
                "to": "2024-10-22",
                "to_recorded_by": "16",
                "topic": "dprk-troops",
                "policy": POLICY,
            },
            lambda ledger: ledger.changes(
                ("2024-10-20", 14),
                ("2024-10-22", 16),
                topic="dprk-troops",
                policy=STRICT,
            ),
        ),
        ("sources", {}, lambda ledger: ledger.sources()),
        ("sources", {"recorded_by": "5"}, lambda ledger: ledger.sources(recorded_by=5)),
        ("sources/seoul", {}, lambda ledger: ledger.source("seoul")),
        (
            "sources/seoul/positions",
            {**AT, "policy": POLICY},
            lambda ledger: ledger.positions("seoul", **AT, policy=STRICT),
        ),
        ("topics", {}, lambda ledger: ledger.topics()),
        ("topics/weapons", {}, lambda ledger: ledger.topic("weapons")),
        ("documents/article", {}, lambda ledger: ledger.document("article")),
        (
            "expectations",
            {"on": "2024-10-30"},
            lambda ledger: ledger.expectations(on="2024-10-30"),
        ),
        ("ledger", {}, lambda ledger: ledger.describe()),
    ],
)
def test_a_path_answers_what_the_library_answers(
    story: Ledger, rest: Rest, path: str, query: dict[str, str], ask: Ask
) -> None:
    assert rest.json(f"/v1/{path}", **query) == as_json(ask(story))


def test_statuses_may_be_repeated_or_joined_by_commas(
    story: Ledger, rest: Rest
) -> None:
    known = story.knowledge(on="2024-10-22", statuses=["disputed", "asserted"])
    joined = rest.json("/v1/knowledge", on="2024-10-22", status="disputed,asserted")
    assert [claim["status"] for claim in joined["claims"]].count("disputed") == 1
    assert joined == as_json(known)
    repeated = ["disputed", "asserted"]
    assert rest.json("/v1/knowledge", on="2024-10-22", status=repeated) == joined


@pytest.mark.parametrize(
    "path, code",
    [
        ("claims/tanks?on=2024-10-22", "unknown_claim"),
        ("claims/troops?on=2024-10-22&recorded_by=3", "unknown_claim"),
        ("claims/tanks/timeline", "unknown_claim"),
        ("claims/tanks/explanation?on=2024-10-22", "unknown_claim"),
        ("sources/tokyo", "unknown_source"),
        ("sources/tokyo/positions?on=2024-10-22", "unknown_source"),
        ("topics/grain", "unknown_topic"),
        ("documents/map", "unknown_document"),
        ("knowledge?on=2024-10-22&topic=grain", "unknown_topic"),
        ("changes?from=2024-10-20&to=2024-10-22&topic=grain", "unknown_topic"),
        ("events?topic=grain", "unknown_topic"),
        ("events?claim=tanks", "unknown_claim"),
        ("events?source=tokyo", "unknown_source"),
    ],
)
def test_what_is_not_in_the_ledger_is_not_found(
    story: Ledger, rest: Rest, path: str, code: str
) -> None:
    assert rest.code(f"/v1/{path}", 404) == code


def test_an_answer_waits_for_the_position_asked_for(story: Ledger, rest: Rest) -> None:
    head = story.position
    known = rest.json("/v1/knowledge", on="2024-10-22", at_least=head)
    assert known["basis"]["position"] == head


def test_a_position_not_reached_in_time_is_told(story: Ledger) -> None:
    with asking(story, at_least_seconds=0.05) as rest:
        response = rest.get("/v1/topics", at_least=story.position + 1)
    problem = refusal(response, 503)
    assert problem["code"] == "position_not_reached"
    assert (problem["at_least"], problem["head"]) == (
        story.position + 1,
        story.position,
    )
    assert int(response.headers["retry-after"]) >= 1


# --- random ledgers ---------------------------------------------------------------

Asked = tuple[Ask, str, dict[str, Any]]


def questions(data: st.DataObject, script: Script, ledger: Ledger) -> list[Asked]:
    """Draw a question for each path: of the library, and of REST."""
    events = [event.model_dump(mode="json") for event in ledger.events()]

    def drawn(kind: str, name: str) -> str:
        known = [event[name] for event in events if event["type"] == kind]
        name_drawn: str = data.draw(st.sampled_from([*known, "nobody"]))
        return name_drawn

    on, other = data.draw(points(script)), data.draw(points(script))
    position, before = (
        data.draw(st.integers(0, ledger.position + 1) | st.none()) for _ in range(2)
    )
    chosen = json.dumps(data.draw(policies()))
    policy = Policy.model_validate_json(chosen)
    topic = data.draw(st.none() | st.just(drawn("TopicOpened", "topic")))
    claim = drawn("ClaimFramed", "claim")
    source = drawn("SourceRegistered", "source")
    first = data.draw(st.integers(1, 4))
    at: dict[str, Any] = {"on": on, "recorded_by": position}
    judged = {**at, "policy": chosen}
    page = {"recorded_by": position, "first": first}
    between = {
        "from_": other,
        "from_recorded_by": before,
        "to": on,
        "to_recorded_by": position,
    }
    return [
        (
            lambda ledger: ledger.knowledge(
                **at, topic=topic, policy=policy, first=first
            ),
            "knowledge",
            {**judged, "topic": topic, "first": first},
        ),
        (
            lambda ledger: ledger.claim(claim, **at, policy=policy),
            f"claims/{claim}",
            judged,
        ),
        (
            lambda ledger: ledger.timeline(claim, recorded_by=position, policy=policy),
            f"claims/{claim}/timeline",
            {"recorded_by": position, "policy": chosen},
        ),
        (
            lambda ledger: ledger.explain(claim, **at, policy=policy),
            f"claims/{claim}/explanation",
            judged,
        ),
        (
            lambda ledger: ledger.changes(
                (other, before), (on, position), topic=topic, policy=policy
            ),
            "changes",
            {**between, "topic": topic, "policy": chosen},
        ),
        (
            lambda ledger: ledger.positions(source, **at, policy=policy),
            f"sources/{source}/positions",
            judged,
        ),
        (lambda ledger: ledger.expectations(**at), "expectations", at),
        (
            lambda ledger: ledger.source(source, recorded_by=position),
            f"sources/{source}",
            {"recorded_by": position},
        ),
        (lambda ledger: ledger.sources(**page), "sources", page),
        (lambda ledger: ledger.topics(**page), "topics", page),
    ]


@settings(max_examples=60)
@given(data=st.data(), script=ledgers())
def test_random_ledgers_answer_alike(data: st.DataObject, script: Script) -> None:
    with recorded(script) as ledger, asking(ledger) as rest:
        for _ in range(3):
            for ask, path, query in questions(data, script, ledger):
                response = rest.get(f"/v1/{path}", **query)
                try:
                    expected = as_json(ask(ledger))
                except DatelineError as error:
                    not_found = isinstance(error, UnknownReference)
                    problem = refusal(response, 404 if not_found else 400)
                    assert problem["code"] == error.code
                    assert problem["detail"] == str(error)
                else:
                    assert response.status_code == 200, response.text
                    assert response.json() == expected


@settings(max_examples=30)
@given(data=st.data(), script=ledgers())
def test_pages_joined_are_the_whole(data: st.DataObject, script: Script) -> None:
    with recorded(script) as ledger, asking(ledger) as rest:
        on = data.draw(points(script))
        first = data.draw(st.integers(1, 3))
        position = data.draw(st.integers(0, ledger.position) | st.none())
        asked: dict[str, Any] = {"on": on, "recorded_by": position}

        whole = as_json(ledger.knowledge(**asked))
        claims: list[Any] = []
        url: str | None = "/v1/knowledge"
        query: dict[str, Any] = {**asked, "first": first}
        while url is not None:
            response = rest.get(url, **query)
            page = response.json()
            assert page["basis"] == whole["basis"]
            assert page["counts"] == whole["counts"]
            claims += page["claims"]
            url, query = response.links.get("next", {}).get("url"), {}
            assert (url is None) == (page["next"] is None)
        assert claims == whole["claims"]

        events: list[Any] = []
        url, query = "/v1/events", {"first": first}
        while url is not None:
            response = rest.get(url, **query)
            events += response.json()["events"]
            url, query = response.links.get("next", {}).get("url"), {}
        assert events == [event.model_dump(mode="json") for event in ledger.events()]


def test_names_in_a_path_may_hold_what_a_url_must_not(
    story: Ledger, rest: Rest
) -> None:
    problem = refusal(rest.get("/v1/claims/%D0%BA%3F%20?on=2024-10-22"), 404)
    assert (problem["code"], problem["name"]) == ("unknown_claim", "к? ")


def test_the_version_is_the_one_of_the_package(rest: Rest) -> None:
    assert rest.json("/v1/openapi.json")["info"]["version"] == dateline.__version__
