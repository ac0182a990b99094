"""GraphQL answers what the library does: each question, random ledgers and points."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dateline import DatelineError, Ledger, Policy
from dateline.domain.answers import as_json
from tests.api.graphql import documents, expected
from tests.api.graphql.asking import GraphQL, asking
from tests.strategies import Script, ledgers, points, policies
from tests.test_laws import recorded

STRICT = Policy.model_validate_json(
    '{"confirmations":2,"independent":true,"implicit":"ignore"}'
)
POLICY = {"confirmations": 2, "independent": True, "implicit": "IGNORE"}
ON = "2024-10-22"

Answer = Callable[[Ledger], Any]


def knowledge(**asked: Any) -> Answer:
    return lambda ledger: expected.knowledge(as_json(ledger.knowledge(**asked)))


@pytest.mark.parametrize(
    "document, variables, answer",
    [
        (documents.KNOWLEDGE, {"on": ON}, knowledge(on=ON)),
        (
            documents.KNOWLEDGE,
            {"on": ON, "recordedBy": "15", "topic": "dprk-troops", "policy": POLICY},
            knowledge(on=ON, recorded_by=15, topic="dprk-troops", policy=STRICT),
        ),
        (
            documents.KNOWLEDGE,
            {"on": "2024-10-24T00:00:00Z", "statuses": ["WITHDRAWN", "DISPUTED"]},
            knowledge(on="2024-10-24T00:00:00Z", statuses=["withdrawn", "disputed"]),
        ),
        (
            documents.KNOWLEDGE,
            {"on": ON, "policy": {"confirmations": 2}},
            knowledge(on=ON, policy=Policy(confirmations=2)),
        ),
        (
            documents.CLAIM_KNOWLEDGE,
            {"id": "troops", "on": "1999-01-01"},
            lambda ledger: (
                expected.claim(as_json(ledger.claim("troops", on="1999-01-01")))
                | {
                    "basis": expected.mapped(
                        as_json(ledger.claim("troops", on="1999-01-01").basis)
                    )
                }
            ),
        ),
        (
            documents.TIMELINE,
            {"claim": "brigades", "policy": POLICY},
            lambda ledger: expected.mapped(
                as_json(ledger.timeline("brigades", policy=STRICT))
            ),
        ),
        (
            documents.CHANGES,
            {"from": {"on": "2024-10-20"}, "to": {"on": ON, "recordedBy": "17"}},
            lambda ledger: expected.changes(
                as_json(ledger.changes(("2024-10-20", None), (ON, 17)))
            ),
        ),
        (
            documents.EXPLANATION,
            {"claim": "troops", "on": ON, "policy": POLICY},
            lambda ledger: expected.explanation(
                as_json(ledger.explain("troops", on=ON, policy=STRICT))
            ),
        ),
        (
            documents.POSITIONS,
            {"source": "seoul", "on": "2024-10-24"},
            lambda ledger: expected.mapped(
                as_json(ledger.positions("seoul", on="2024-10-24"))
            ),
        ),
        (
            documents.EXPECTATIONS,
            {"on": "2024-10-30"},
            lambda ledger: expected.mapped(
                as_json(ledger.expectations(on="2024-10-30"))
            ),
        ),
        (
            "{ledger{title timezone identity position recordedAt hash}}",
            {},
            lambda ledger: expected.mapped(as_json(ledger.describe())),
        ),
        (
            """{source(id: "seoul") { id name kind principal { id } country url
                ratings { rater reliability note event { id } } }}""",
            {},
            lambda ledger: expected.mapped(as_json(ledger.source("seoul"))),
        ),
        (
            '{topic(id: "weapons") { id title description }}',
            {},
            lambda ledger: expected.mapped(as_json(ledger.topic("weapons"))),
        ),
        (
            """{document(id: "article") { id title publisher { id } url publishedAt
                retrievedAt sha256 }}""",
            {},
            lambda ledger: expected.mapped(as_json(ledger.document("article"))),
        ),
    ],
)
def test_a_question_is_answered_as_the_library_answers_it(
    story: Ledger,
    graphql: GraphQL,
    document: str,
    variables: Mapping[str, Any],
    answer: Answer,
) -> None:
    (answered,) = graphql.data(document, **variables).values()
    assert answered == answer(story)


# --- random ledgers -------------------------------------------------------------------


def words(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy as GraphQL is given it."""
    return {**policy, "implicit": policy["implicit"].upper()}


def outcome(ask: Callable[[], Any]) -> Any:
    """Return an answer, or the code of what was raised instead."""
    try:
        return ask()
    except DatelineError as error:
        return error.code


def asked(graphql: GraphQL, document: str, **variables: Any) -> Any:
    """Return an answer, or the code of the one error."""
    answer = graphql.answer(document, **variables)
    if "errors" in answer:
        (error,) = answer["errors"]
        return error["extensions"]["code"]
    (answered,) = answer["data"].values()
    return answered


CLAIMS = st.sampled_from(["c0", "c1", "c2", "c9"])
TOPICS = st.sampled_from([None, "t0", "t1", "t9"])


@settings(max_examples=60)
@given(data=st.data(), script=ledgers())
def test_random_questions_are_answered_as_the_library_answers_them(
    data: st.DataObject, script: Script
) -> None:
    with recorded(script) as ledger, asking(ledger) as graphql:
        for _ in range(3):
            compare(data, script, ledger, graphql)


def compare(
    data: st.DataObject, script: Script, ledger: Ledger, graphql: GraphQL
) -> None:
    """Put each question at a random point."""
    on, other = data.draw(points(script)), data.draw(points(script))
    by = data.draw(st.integers(0, ledger.position))
    policy = data.draw(policies())
    claim, topic = data.draw(CLAIMS), data.draw(TOPICS)
    source = data.draw(st.sampled_from(["seoul", "nobody"]))
    under = Policy.model_validate_json(json.dumps(policy))
    given: dict[str, Any] = {"recordedBy": str(by), "policy": words(policy)}
    at = {"on": on, **given}
    point: dict[str, Any] = {"on": on, "recorded_by": by, "policy": under}
    assert asked(graphql, documents.KNOWLEDGE, **at, topic=topic) == outcome(
        lambda: expected.knowledge(as_json(ledger.knowledge(**point, topic=topic)))
    )
    assert asked(graphql, documents.EXPLANATION, **at, claim=claim) == outcome(
        lambda: expected.explanation(as_json(ledger.explain(claim, **point)))
    )
    assert asked(graphql, documents.TIMELINE, **given, claim=claim) == outcome(
        lambda: expected.mapped(
            as_json(ledger.timeline(claim, recorded_by=by, policy=under))
        )
    )
    ends: dict[str, Any] = {
        "from": {"on": other},
        "to": {"on": on, "recordedBy": str(by)},
        "policy": words(policy),
    }
    assert asked(graphql, documents.CHANGES, **ends, topic=topic) == outcome(
        lambda: expected.changes(
            as_json(ledger.changes((other, None), (on, by), topic=topic, policy=under))
        )
    )
    assert asked(graphql, documents.POSITIONS, **at, source=source) == outcome(
        lambda: expected.mapped(as_json(ledger.positions(source, **point)))
    )
    assert asked(graphql, documents.EXPECTATIONS, on=on, recordedBy=str(by)) == outcome(
        lambda: expected.mapped(as_json(ledger.expectations(on=on, recorded_by=by)))
    )


# --- what is named --------------------------------------------------------------------


def test_what_is_named_is_as_it_stood_at_the_position_of_the_answer(
    story: Ledger, graphql: GraphQL
) -> None:
    document = """
      query ($by: String) { knowledge(on: "2024-10-22", recordedBy: $by,
                                      topic: "weapons") {
        claims { nodes { tally { for { id name principal { name } } } } } } }
    """
    before, after = (
        graphql.data(document, by=by)["knowledge"]["claims"]["nodes"][0]["tally"]["for"]
        for by in (str(story.position - 6), None)
    )
    assert [source["name"] for source in before] == ["Seoul"]
    assert [source["name"] for source in after] == ["Seoul!"]
    assert after[0]["principal"] == {"name": "Seoul!"}


def test_a_statement_tells_what_was_said(story: Ledger, graphql: GraphQL) -> None:
    document = """{ explanation(claim: "troops", on: "2024-10-22") { standings {
      statement { id claim { text } source { name } stance saidAt strength
        basis { own unknown refs } via { name } quote url language note
        document { title publisher { name } }
        event { __typename position recorder json } } } } }"""
    standings = graphql.data(document)["explanation"]["standings"]
    (told,) = (one["statement"] for one in standings if one["statement"]["id"] == "s2")
    event = story.event("s2")
    assert told == {
        "id": "s2",
        "claim": {"text": story.claim("troops", on=ON).text},
        "source": {"name": "Nis"},
        "stance": "ASSERTED",
        "saidAt": "2024-10-21",
        "strength": "PLAIN",
        "basis": {"own": False, "unknown": False, "refs": ["seoul", "s1"]},
        "via": [{"name": "Nato"}],
        "quote": "They are there.",
        "url": None,
        "language": None,
        "note": None,
        "document": {"title": "An article", "publisher": {"name": "Seoul!"}},
        "event": {
            "__typename": "ClaimAsserted",
            "position": event.position,
            "recorder": None,
            "json": event.model_dump(mode="json"),
        },
    }


def test_a_retraction_has_no_strength_and_rests_on_nothing(
    story: Ledger, graphql: GraphQL
) -> None:
    document = """{ positions(source: "seoul", on: "2024-10-24") { positions {
      statement { id stance strength basis { own } via { id } language } } } }"""
    held = graphql.data(document)["positions"]["positions"]
    assert {
        "id": "s5",
        "stance": "RETRACTED",
        "strength": None,
        "basis": None,
        "via": [],
        "language": None,
    } in [one["statement"] for one in held]


def test_ids_alone_cost_no_look_up(
    story: Ledger, graphql: GraphQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    for name in ("source", "topic", "document", "event"):
        monkeypatch.setattr(Ledger, name, look_up)
    for document, variables in (
        (documents.KNOWLEDGE, {"on": ON}),
        (documents.EXPLANATION, {"claim": "troops", "on": ON}),
        (documents.POSITIONS, {"source": "seoul", "on": ON}),
        (documents.EXPECTATIONS, {"on": ON}),
        (documents.CHANGES, {"from": {"on": "2024-10-01"}, "to": {"on": ON}}),
    ):
        graphql.data(document, **variables)
    assert (
        graphql.code('{knowledge(on: "2024-10-22") {claims {nodes {topics {title}}}}}')
        == "internal_error"
    )


def test_what_is_named_often_is_looked_up_once(
    story: Ledger, graphql: GraphQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    look_up = Ledger.source

    def counted(ledger: Ledger, source: str, **named: Any) -> Any:
        found.append(source)
        return look_up(ledger, source, **named)

    monkeypatch.setattr(Ledger, "source", counted)
    graphql.data(
        """{ knowledge(on: "2024-10-30") { claims { nodes { tally {
             for { name } against { name } withheldBy { name } } } } } }"""
    )
    assert sorted(found) == ["moscow", "nato", "nis", "seoul"]
