"""Section 4 on a real ledger: what is recorded, what is there already, what not."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

import dateline
from dateline import Ledger, LedgerOpened, Receipt
from dateline.domain.events import Event
from dateline.ledger import BATCH_LIMIT
from tests.builders import (
    Clock,
    asserted,
    assessed,
    captured,
    confirmed,
    corrected,
    denied,
    filed,
    framed,
    linked,
    opened,
    promised,
    rated,
    recaptured,
    received,
    refused,
    refuted,
    registered,
    retracted,
    reworded,
    sources,
    stored,
    unfiled,
    unlinked,
    voided,
    withheld,
)

TALKERS = ("seoul", "moscow", "kyiv")


@pytest.fixture
def begun(ledger: Ledger) -> Ledger:
    """Return a ledger with a topic, sources, claims, a document and a promise."""
    ledger.record(
        opened(),
        *sources(*TALKERS),
        captured(),
        framed(),
        framed("other", text="Another claim"),
        promised(id="promise"),
    )
    return ledger


def only(receipt: Receipt) -> tuple[str, int, bool]:
    (event,) = receipt.events
    return event.id, event.position, event.new


def is_new(receipt: Receipt) -> bool:
    return only(receipt)[2]


def assert_there_already(ledger: Ledger, event: Event, first: Receipt) -> None:
    """Check that recording an event answers with where another stands."""
    head = ledger.position
    receipt = ledger.record(event)
    assert only(receipt) == (*only(first)[:2], False)
    assert receipt.position == first.position
    assert receipt.recorded_at == first.recorded_at
    assert ledger.position == head


# --- ids --------------------------------------------------------------------------

NAMED = [
    asserted(id="e"),
    denied(id="e"),
    confirmed(id="e"),
    refuted(id="e"),
    withheld(id="e"),
    retracted(id="e"),
    assessed(id="e"),
    rated("B", id="e"),
    corrected(name="Séoul", id="e"),
    recaptured(title="Other", id="e"),
    reworded("Other words", id="e"),
    filed(id="e"),
    unfiled(id="e"),
    linked("troops", "other", id="e"),
    unlinked("troops", "other", id="e"),
    voided("promise", id="e"),
    received("s0", id="e"),
    framed("third", id="e"),
    opened("third", id="e"),
    registered("third", id="e"),
    captured("third", id="e"),
    promised("third", id="e"),
]


def name_of(event: Event) -> str:
    return type(event).__name__


@pytest.mark.parametrize("event", NAMED, ids=name_of)
def test_the_same_id_and_content_again_is_no_event(begun: Ledger, event: Event) -> None:
    begun.record(asserted(id="s0", by="kyiv"))

    first = begun.record(event)
    begun.record(denied(by="moscow"))

    assert only(first) == ("e", begun.position - 1, True)
    assert_there_already(begun, event, first)
    begun.verify()


@pytest.mark.parametrize("event", NAMED, ids=name_of)
def test_the_same_id_with_other_content_is_a_conflict(
    begun: Ledger, event: Event
) -> None:
    begun.record(asserted(id="s0", by="kyiv"))
    position = begun.record(event).position
    head = begun.position

    with refused("conflicting_event") as caught:
        begun.record(withheld(by="moscow", id="e"))
    assert getattr(caught.value, "position", None) == position
    with refused("conflicting_event"):
        begun.record(event.model_copy(update={"id": "s0"}))
    assert begun.position == head


def test_an_id_is_one_across_types_and_batches(begun: Ledger) -> None:
    with refused("conflicting_event") as caught:
        begun.record(asserted(id="e"), denied(id="e"))
    assert caught.value.item == 1

    receipt = begun.record(asserted(id="e"), asserted(id="e"))
    assert [event.new for event in receipt.events] == [True, False]
    assert receipt.events[0].position == receipt.events[1].position
    with refused("conflicting_event"):
        begun.record(asserted("other", id="e"))


def test_who_recorded_it_is_not_content(begun: Ledger) -> None:
    first = begun.record(asserted(id="e", recorder="ana"))
    assert stored(begun)[-1]["recorder"] == "ana"

    assert_there_already(begun, asserted(id="e", recorder="ben"), first)
    assert_there_already(begun, asserted(recorder="cem"), first)
    assert stored(begun)[-1]["recorder"] == "ana"


def test_the_same_moment_written_otherwise_is_the_same_content(begun: Ledger) -> None:
    first = begun.record(asserted(id="e", said_at="2024-10-20T12:00:00+02:00"))

    assert_there_already(begun, asserted(id="e", said_at="2024-10-20T10:00:00Z"), first)
    with refused("conflicting_event"):
        begun.record(asserted(id="e", said_at="2024-10-20"))


def test_what_is_left_out_is_its_default(begun: Ledger) -> None:
    first = begun.record(asserted(id="e"))
    spelt_out = asserted(id="e", strength="plain", basis="unknown", via=())

    assert_there_already(begun, spelt_out, first)


@pytest.mark.parametrize(
    ("plain", "spelt_out"),
    [
        (registered("tokyo"), registered("tokyo", principal="tokyo")),
        (promised("talks"), promised("talks", awaits="seoul")),
    ],
    ids=name_of,
)
def test_oneself_is_the_default_party(
    begun: Ledger, plain: Event, spelt_out: Event
) -> None:
    first = begun.record(plain)

    assert_there_already(begun, spelt_out, first)


def test_an_id_that_nobody_gave_is_a_random_uuid(begun: Ledger) -> None:
    ids = [only(begun.record(assessed()))[0] for _ in range(2)]

    assert [uuid.UUID(id).version for id in ids] == [4, 4]
    assert len(set(ids)) == 2


# --- slugs ------------------------------------------------------------------------

OPENINGS: list[tuple[Event, Event, str]] = [
    (opened("new"), opened("new", title="Other"), "topic"),
    (registered("new"), registered("new", principal="seoul"), "source"),
    (captured("new"), captured("new", publisher="seoul"), "document"),
    (framed("new"), framed("new", topics=("dprk-troops",)), "claim"),
    (promised("new"), promised("new", due="2025"), "expectation"),
]


@pytest.mark.parametrize(("event", "other", "kind"), OPENINGS)
def test_a_slug_is_opened_once(
    begun: Ledger, event: Event, other: Event, kind: str
) -> None:
    first = begun.record(event)

    assert stored(begun)[-1]["stream"] == f"{kind}:new"
    assert_there_already(begun, event, first)
    assert_there_already(begun, event.model_copy(update={"id": "later"}), first)
    for again in (other, other.model_copy(update={"id": "later"})):
        with refused("conflicting_event") as caught:
            begun.record(again)
        assert f"{kind} 'new'" in str(caught.value)
        assert getattr(caught.value, "position", None) == first.position


def test_kinds_have_their_own_slugs(ledger: Ledger) -> None:
    receipt = ledger.record(
        opened("x"),
        registered("x"),
        captured("x"),
        framed("x"),
        promised("x", claims=("x",), source="x"),
    )

    assert all(event.new for event in receipt.events)
    ledger.verify()


def test_a_ledger_opens_itself_once(ledger: Ledger) -> None:
    with refused("misplaced_opening"):
        ledger.record(LedgerOpened(title="Another"))
    with refused("misplaced_opening"):
        ledger.record(LedgerOpened(title="war", timezone="Europe/Kyiv", id="x"))
    assert [event["type"] for event in stored(ledger)] == ["LedgerOpened"]
    assert stored(ledger)[0]["title"] == "war"
    assert stored(ledger)[0]["stream"] == "ledger"


# --- what is in force -------------------------------------------------------------

STATEMENTS = [asserted(), denied(), confirmed(), refuted(), withheld(), retracted()]


@pytest.mark.parametrize("statement", STATEMENTS, ids=name_of)
def test_a_statement_in_force_is_not_recorded_again(
    begun: Ledger, statement: Event
) -> None:
    first = begun.record(statement)
    begun.record(denied(by="moscow"))

    assert_there_already(begun, statement, first)


@pytest.mark.parametrize("statement", STATEMENTS, ids=name_of)
def test_a_voided_statement_is_recorded_again(begun: Ledger, statement: Event) -> None:
    first = begun.record(statement)
    begun.record(voided(only(first)[0]))

    again = begun.record(statement)

    assert only(again)[0] != only(first)[0]
    assert is_new(again)
    assert_there_already(begun, statement, again)


def test_a_statement_with_an_id_of_its_own_is_another(begun: Ledger) -> None:
    begun.record(asserted(id="s1"))

    assert is_new(begun.record(asserted(id="s2")))
    assert_there_already(begun, asserted(), begun.record(asserted(id="s1")))


@pytest.mark.parametrize(
    "other",
    [
        denied(),
        asserted("other"),
        asserted(by="moscow"),
        asserted(said_at="2024-10-21"),
        asserted(strength="hedged"),
        asserted(basis="own"),
        asserted(quote="So it is"),
        asserted(note="On the record"),
        asserted(url="https://example.org/"),
        asserted(language="ko"),
        asserted(via=("kyiv",)),
        asserted(document="article"),
    ],
)
def test_a_statement_with_other_content_is_another(begun: Ledger, other: Event) -> None:
    begun.record(asserted())

    assert is_new(begun.record(other))


def test_what_was_said_between_does_not_matter(begun: Ledger) -> None:
    """The content is in force, though the source has changed its mind since."""
    first = begun.record(asserted())
    begun.record(retracted(said_at="2024-10-21"))

    assert_there_already(begun, asserted(), first)


def test_a_filing_in_force_is_answered_with_what_made_it(begun: Ledger) -> None:
    first = begun.record(filed(id="f1"))
    begun.record(filed(id="f2"))
    assert_there_already(begun, filed(), first)

    out = begun.record(unfiled())
    assert is_new(out)
    assert_there_already(begun, unfiled(), out)

    back = begun.record(filed())
    assert is_new(back)
    assert_there_already(begun, filed(), back)


def test_a_claim_framed_under_a_topic_is_filed(begun: Ledger) -> None:
    first = begun.record(framed("third", topics=("dprk-troops",)))

    assert_there_already(begun, filed("third"), first)
    assert is_new(begun.record(unfiled("third")))
    assert is_new(begun.record(filed("third")))


@pytest.mark.parametrize("relation", ["supports", "refines"])
def test_a_link_has_a_direction(begun: Ledger, relation: str) -> None:
    first = begun.record(linked("troops", "other", relation))

    assert_there_already(begun, linked("troops", "other", relation), first)
    assert is_new(begun.record(linked("other", "troops", relation)))
    out = begun.record(unlinked("troops", "other", relation))
    assert is_new(out)
    assert_there_already(begun, unlinked("troops", "other", relation), out)
    assert not is_new(begun.record(linked("other", "troops", relation)))
    for other in {"contradicts", "supports", "refines"} - {relation}:
        assert is_new(begun.record(linked("troops", "other", other)))


def test_a_contradiction_has_none(begun: Ledger) -> None:
    first = begun.record(linked("troops", "other"))
    assert_there_already(begun, linked("other", "troops"), first)

    out = begun.record(unlinked("other", "troops"))
    assert is_new(out)
    assert_there_already(begun, unlinked("troops", "other"), out)
    assert is_new(begun.record(linked("troops", "other")))


def test_a_contradiction_is_known_to_whoever_opens_the_ledger(
    begun: Ledger, clock: Clock
) -> None:
    begun.record(linked("troops", "other", id="l1"))

    with dateline.open(begun.target, clock=clock) as second:
        assert only(second.record(linked("other", "troops")))[0] == "l1"
        second.record(unlinked("other", "troops", id="l2"))
    assert only(begun.record(unlinked("troops", "other")))[0] == "l2"


def test_a_wording_in_force_is_not_recorded_again(begun: Ledger) -> None:
    framing = next(event for event in stored(begun) if event.get("claim") == "troops")
    assert only(begun.record(reworded(framing["text"])))[0] == framing["id"]

    first = begun.record(reworded("Other words", reason="Clearer"))
    assert_there_already(begun, reworded("Other words"), first)
    assert is_new(begun.record(reworded(framing["text"])))
    assert is_new(begun.record(reworded("Other words")))
    assert is_new(begun.record(reworded("Other words", claim="other")))


def test_a_rating_in_force_is_not_recorded_again(begun: Ledger) -> None:
    ours = begun.record(rated("B", rater="desk"))
    theirs = begun.record(rated("C"))

    assert_there_already(begun, rated("B", rater="desk"), ours)
    assert_there_already(begun, rated("C"), theirs)
    assert is_new(begun.record(rated("B", rater="desk", note="Still")))
    assert is_new(begun.record(rated("B", rater="desk")))
    assert is_new(begun.record(rated("B", "moscow", rater="desk")))
    assert is_new(begun.record(rated("A", rater="desk", id="r1")))
    begun.record(voided("r1"))
    assert not is_new(begun.record(rated("B", rater="desk")))
    assert is_new(begun.record(rated("A", rater="desk")))


def test_a_correction_in_force_is_not_recorded_again(begun: Ledger) -> None:
    registration = next(
        event for event in stored(begun) if event["type"] == "SourceRegistered"
    )
    assert only(begun.record(corrected(name="Seoul")))[0] == registration["id"]

    name = begun.record(corrected(name="Séoul"))
    country = begun.record(corrected(country="Korea"))
    assert_there_already(begun, corrected(name="Séoul", reason="Again"), name)
    assert_there_already(begun, corrected(name="Séoul", country="Korea"), country)
    assert is_new(begun.record(corrected(name="Séoul", country="South Korea")))
    assert is_new(begun.record(corrected(name="Seoul")))
    assert is_new(begun.record(corrected(name="Seoul", id="c1")))


def test_a_document_is_corrected_alike(begun: Ledger) -> None:
    first = begun.record(recaptured(title="Other", published_at="2024-10-22"))

    assert_there_already(begun, recaptured(published_at="2024-10-22"), first)
    assert is_new(begun.record(recaptured(published_at="2024-10-23")))
    assert not is_new(begun.record(recaptured(title="Other")))


VOIDABLE = [
    asserted(id="e"),
    retracted(id="e"),
    rated("B", id="e"),
    assessed(id="e"),
    promised("third", id="e"),
    received("s0", id="e"),
]


@pytest.mark.parametrize("event", VOIDABLE, ids=name_of)
def test_a_record_is_voided_once(begun: Ledger, event: Event) -> None:
    begun.record(asserted(id="s0", by="kyiv"))
    begun.record(event)
    stream = stored(begun)[-1]["stream"]

    first = begun.record(voided("e"))

    assert is_new(first)
    assert stored(begun)[-1]["stream"] == stream
    assert_there_already(begun, voided("e"), first)
    assert_there_already(begun, voided("e", reason="Another reason"), first)
    assert is_new(begun.record(voided("e", id="v2")))
    assert_there_already(begun, voided("e"), first)


def test_assessments_and_receipts_are_recorded_each_time(begun: Ledger) -> None:
    begun.record(asserted(id="s0"))

    for event in (assessed(), received("s0")):
        assert is_new(begun.record(event))
        assert is_new(begun.record(event))


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([filed()], filed(id="e")),
        ([], unfiled(id="e")),
        ([linked("troops", "other")], linked("other", "troops", id="e")),
        ([], unlinked("troops", "other", id="e")),
        ([asserted(id="s0", said_at="2024-10"), voided("s0")], voided("s0", id="e")),
        ([reworded("Other words")], reworded("Other words", id="e")),
    ],
)
def test_with_an_id_what_is_so_already_is_recorded_and_changes_nothing(
    begun: Ledger, before: Sequence[Event], event: Event
) -> None:
    begun.record(confirmed(by="kyiv"), confirmed("other", by="kyiv"), filed("other"))
    begun.record(*before)
    questions: list[dict[str, Any]] = [
        {"on": "2024-10-20"},
        {"on": "2024-10-19"},
        {"on": "2024-10-20", "topic": "dprk-troops"},
    ]
    known = [begun.knowledge(**question) for question in questions]

    receipt = begun.record(event)

    assert is_new(receipt)
    assert begun.position == receipt.position
    for question, was in zip(questions, known, strict=True):
        now = begun.knowledge(**question)
        assert (now.claims, now.counts) == (was.claims, was.counts)
        assert now.possibly_known == was.possibly_known
    for on in ("2024-10-19", "2024-10-20"):
        changes = begun.changes((on, receipt.position - 1), (on, None))
        assert changes.changes == ()
    begun.verify()


def test_an_unfiling_that_changes_nothing_hides_nothing_later(begun: Ledger) -> None:
    begun.record(asserted(id="s1", said_at="2024-10"))
    begun.record(unfiled(id="u1"))
    begun.record(asserted(id="s2", said_at="2024-10", by="kyiv"))

    begun.record(filed())

    known = begun.knowledge(on="2024-10-20", topic="dprk-troops")
    assert [one.statement for one in known.possibly_known] == ["s1", "s2"]


# --- references -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (asserted("x"), "unknown_claim"),
        (retracted("x"), "unknown_claim"),
        (asserted(by="x"), "unknown_source"),
        (asserted(via=("seoul", "x")), "unknown_source"),
        (asserted(document="x"), "unknown_document"),
        (retracted(document="x"), "unknown_document"),
        (asserted(basis=("x",)), "unknown_basis"),
        (asserted(basis=("seoul", "x")), "unknown_basis"),
        (asserted(id="e", basis=("e",)), "unknown_basis"),
        (asserted(basis=("promise",)), "unknown_basis"),
        (asserted(basis=("of-other",)), "unknown_basis"),
        (asserted(basis=("troops",)), "unknown_basis"),
        (framed("new", topics=("x",)), "unknown_topic"),
        (framed("new", topics=("dprk-troops", "x")), "unknown_topic"),
        (filed(topic="x"), "unknown_topic"),
        (filed("x"), "unknown_claim"),
        (unfiled(topic="x"), "unknown_topic"),
        (unfiled("x"), "unknown_claim"),
        (linked("troops", "x"), "unknown_claim"),
        (linked("x", "troops"), "unknown_claim"),
        (unlinked("troops", "x"), "unknown_claim"),
        (unlinked("x", "troops", "supports"), "unknown_claim"),
        (reworded("Words", claim="x"), "unknown_claim"),
        (assessed("x"), "unknown_claim"),
        (registered("new", principal="x"), "unknown_source"),
        (corrected("x"), "unknown_source"),
        (rated("B", "x"), "unknown_source"),
        (captured("new", publisher="x"), "unknown_source"),
        (recaptured("x"), "unknown_document"),
        (recaptured(publisher="x"), "unknown_source"),
        (promised("new", claims=("troops", "x")), "unknown_claim"),
        (promised("new", source="x"), "unknown_source"),
        (promised("new", awaits="x"), "unknown_source"),
        (promised("new", document="x"), "unknown_document"),
        (received("x"), "unknown_statement"),
        (received("promise"), "unknown_statement"),
        (received("of-other", "x"), "unknown_expectation"),
        (voided("x"), "unknown_event"),
        (voided("troops"), "unknown_event"),
        (linked("troops", "troops"), "self_link"),
        (unlinked("troops", "troops"), "self_link"),
    ],
)
@pytest.mark.parametrize("id", [None, "given"])
def test_what_is_referred_to_must_be_there(
    begun: Ledger, event: Event, code: str, id: str | None
) -> None:
    begun.record(asserted("other", id="of-other"))
    head = begun.position

    with refused(code) as caught:
        begun.record(event.model_copy(update={"id": event.id or id}))

    assert caught.value.item == 0
    assert str(caught.value).startswith("event 1 of 1: ")
    assert begun.position == head


def test_what_comes_later_in_the_batch_is_not_there_yet(ledger: Ledger) -> None:
    for batch, code in [
        ((registered("a", principal="b"), registered("b")), "unknown_source"),
        ((filed(), framed(), opened()), "unknown_topic"),
        ((*sources("seoul"), asserted(), framed()), "unknown_claim"),
        ((framed(), asserted(), *sources("seoul")), "unknown_source"),
        (
            (*sources("seoul"), framed(), asserted(basis=("s",)), asserted(id="s")),
            "unknown_basis",
        ),
    ]:
        with refused(code):
            ledger.record(*batch)
    assert len(stored(ledger)) == 1


def test_what_comes_earlier_in_the_batch_is_there(ledger: Ledger) -> None:
    receipt = ledger.record(
        registered("seoul"),
        registered("envoy", principal="seoul"),
        opened(),
        framed(topics=("dprk-troops",)),
        asserted(id="s1"),
        asserted(by="envoy", basis=("s1",)),
        promised(),
        received("s1"),
        voided("s1"),
    )

    assert [event.position for event in receipt.events] == list(range(2, 11))
    ledger.verify()


def test_a_source_may_speak_for_itself_or_for_one_before_it(ledger: Ledger) -> None:
    ledger.record(
        registered("nato"),
        registered("self", principal="self"),
        registered("rutte", principal="nato"),
        registered("spokesman", principal="rutte"),
        framed(),
    )
    for source in ("nato", "self", "rutte", "spokesman"):
        ledger.record(confirmed(by=source))

    explained = ledger.explain("troops", on="2024-10-20")
    origins = {standing.source: standing.origins for standing in explained.standings}
    assert origins == {
        "nato": ("nato",),
        "rutte": ("nato",),
        "self": ("self",),
        "spokesman": ("nato",),
    }


@pytest.mark.parametrize(
    "event",
    [
        opened("new", id="e"),
        registered("new", id="e"),
        corrected(name="New", id="e"),
        captured("new", id="e"),
        recaptured(title="New", id="e"),
        framed("new", id="e"),
        reworded("New", id="e"),
        filed(id="e"),
        unfiled(id="e"),
        linked("troops", "other", id="e"),
        unlinked("troops", "other", id="e"),
        voided("promise", id="e"),
    ],
    ids=name_of,
)
def test_only_what_was_taken_down_of_others_is_voided(
    begun: Ledger, event: Event
) -> None:
    begun.record(event)

    with refused("not_voidable"):
        begun.record(voided("e"))
    with refused("not_voidable"):
        begun.record(voided(stored(begun)[0]["id"]))


# --- what a basis names -----------------------------------------------------------


def origins(ledger: Ledger, source: str, on: str = "2024-10-31") -> tuple[str, ...]:
    (found,) = (
        standing
        for standing in ledger.explain("troops", on=on).standings
        if standing.source == source
    )
    return found.origins


def test_a_basis_is_a_statement_if_there_is_one_by_that_id(begun: Ledger) -> None:
    """Moscow has no standing; a statement of Kyiv's goes by its name."""
    begun.record(confirmed(by="kyiv", id="moscow"))
    begun.record(asserted(basis=("moscow",)))

    assert origins(begun, "seoul") == ("kyiv",)


def test_a_basis_is_settled_when_it_is_recorded(begun: Ledger) -> None:
    """The statement that takes the name came after: it stays the source."""
    begun.record(asserted(basis=("moscow",)))
    begun.record(confirmed(by="kyiv", id="moscow"))

    assert origins(begun, "seoul") == ("moscow",)
    begun.rebuild()
    assert origins(begun, "seoul") == ("moscow",)


def test_a_statement_on_another_claim_is_not_meant(begun: Ledger) -> None:
    begun.record(confirmed("other", by="kyiv", id="moscow"))
    begun.record(asserted(basis=("moscow",)))

    assert origins(begun, "seoul") == ("moscow",)


def test_a_voided_statement_may_be_named(begun: Ledger) -> None:
    begun.record(confirmed(by="kyiv", id="s1"), voided("s1"))
    begun.record(asserted(basis=("s1",)))

    state = begun.claim("troops", on="2024-10-31")
    assert [flag.value for flag in state.flags] == ["basis_withdrawn"]


# --- time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said_at", "taken"),
    [
        ("2024-11-01T13:00:00+01:00", True),
        ("2024-11-01T12:00:00+00:00", True),
        ("2024-11-01T12:00:01Z", False),
        ("2024-11-01T12:00:00-00:01", False),
        ("2024-11-01", True),
        ("2024-11", True),
        ("2024", True),
        ("2024-11-01T12:00:00Z/2025", True),
        ("2024-11-02", False),
        ("2025", False),
        ("2024-11-02/2024-11-03", False),
    ],
)
@pytest.mark.parametrize("kind", [asserted, retracted, withheld])
def test_nothing_is_said_after_it_is_recorded(
    begun: Ledger, kind: Any, said_at: str, taken: bool
) -> None:
    event = kind(said_at=said_at)
    if taken:
        assert is_new(begun.record(event))
    else:
        with refused("said_in_future"):
            begun.record(event)


def test_the_moment_of_recording_itself_is_not_in_the_future(
    begun: Ledger, clock: Clock
) -> None:
    clock.set("2024-11-02T12:00:00Z")

    with refused("said_in_future") as caught:
        begun.record(asserted(said_at="2024-11-02T12:00:00.000001Z"))
    assert getattr(caught.value, "field", None) == "said_at"
    begun.record(asserted(said_at="2024-11-02T12:00:00Z"))


def test_a_day_begins_in_the_ledgers_zone(clock: Clock) -> None:
    clock.set("2024-11-01T22:30:00Z")  # 00:30 of 2 November in Kyiv
    with dateline.open(":memory:", timezone="Europe/Kyiv", clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed(), asserted(said_at="2024-11-02"))
        with refused("said_in_future"):
            ledger.record(asserted(said_at="2024-11-03"))
    with dateline.open(":memory:", timezone="America/New_York", clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed(), asserted(said_at="2024-11-01"))
        with refused("said_in_future"):
            ledger.record(asserted(said_at="2024-11-02"))


def test_the_clock_may_go_back(ledger: Ledger, clock: Clock) -> None:
    ledger.record(*sources("seoul"), framed())
    before = ledger.record(asserted())
    clock.set("2024-10-25T12:00:00Z")

    after = ledger.record(denied(by="seoul", said_at="2024-10-31"))

    assert after.recorded_at == before.recorded_at + timedelta(microseconds=1)
    moments = [event.recorded_at for event in ledger.events()]
    assert moments == sorted(moments)


def test_the_events_of_a_batch_share_their_moment(ledger: Ledger, clock: Clock) -> None:
    clock.set("2024-11-02T12:00:00Z")
    first = ledger.record(*sources("seoul"), framed())
    second = ledger.record(asserted())
    third = ledger.record(denied())

    batches = [event["recorded_at"] for event in stored(ledger)]
    assert batches[1:] == [
        "2024-11-02T12:00:00Z",
        "2024-11-02T12:00:00Z",
        "2024-11-02T12:00:00.000001Z",
        "2024-11-02T12:00:00.000002Z",
    ]
    assert first.recorded_at < second.recorded_at < third.recorded_at


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (asserted(said_at="2011-12-30"), "skipped_day"),
        (asserted(said_at="2011-12-29/2011-12-30"), "skipped_day"),
        (promised("new", due="2011-12-30"), "skipped_day"),
        (framed("new", about="2011-12-30/.."), "skipped_day"),
        (assessed(assessed_at="2011-12-30"), "skipped_day"),
        (captured("new", published_at="2011-12-30"), "skipped_day"),
        (captured("new", retrieved_at="2011-12-30"), "skipped_day"),
        (recaptured(published_at="2011-12-30"), "skipped_day"),
        (asserted(said_at="2011-12-31/2011-12-29"), "reversed_interval"),
        (promised("new", due="2012/2011"), "reversed_interval"),
        (framed("new", about="2012/2011"), "reversed_interval"),
        (captured("new", published_at="2012/2011"), "reversed_interval"),
        (assessed(assessed_at="2012/2011"), "reversed_interval"),
    ],
)
def test_dates_are_checked_in_the_ledgers_zone(
    clock: Clock, event: Event, code: str
) -> None:
    with dateline.open(":memory:", timezone="Pacific/Apia", clock=clock) as ledger:
        ledger.record(*sources("seoul"), captured(), framed())
        with refused(code) as caught:
            ledger.record(event)
        assert getattr(caught.value, "field", None) in (
            *("said_at", "due", "about", "assessed_at"),
            *("published_at", "retrieved_at"),
        )


def test_a_retraction_may_come_before_what_it_retracts(begun: Ledger) -> None:
    begun.record(retracted(said_at="2024-10-21", id="r"))
    early = begun.claim("troops", on="2024-10-22")
    begun.record(asserted(said_at="2024-10-20", id="s"))

    late = begun.claim("troops", on="2024-10-22")
    assert (early.status, early.tally.retracted_by) == ("raised", ("seoul",))
    assert (late.status, late.tally.retracted_by) == ("withdrawn", ("seoul",))
    assert begun.claim("troops", on="2024-10-20").status == "asserted"


# --- batches ----------------------------------------------------------------------


def test_a_batch_is_all_or_nothing(begun: Ledger) -> None:
    before, head = stored(begun), begun.position
    known = begun.knowledge(on="2024-10-31")

    for bad, code in [
        (asserted("x"), "unknown_claim"),
        (opened(title="Other"), "conflicting_event"),
        (asserted(said_at="2025"), "said_in_future"),
    ]:
        with refused(code) as caught:
            begun.record(asserted(), filed(), bad, denied(by="moscow"))
        assert caught.value.item == 2
        assert str(caught.value).startswith("event 3 of 4: ")
        assert begun.position == head
        assert stored(begun) == before
        assert begun.knowledge(on="2024-10-31") == known

    receipt = begun.record(asserted(), filed())
    assert [event.position for event in receipt.events] == [head + 1, head + 2]
    begun.verify()


def test_a_stream_counts_on_after_a_batch_that_failed(begun: Ledger) -> None:
    begun.record(asserted())
    with refused("unknown_claim"):
        begun.record(denied(by="moscow"), asserted("x"))
    begun.record(withheld(by="kyiv"))

    versions = [e["version"] for e in stored(begun) if e["stream"] == "claim:troops"]
    assert versions == [1, 2, 3]
    begun.verify()


def test_what_is_no_event_is_our_mistake_and_records_nothing(begun: Ledger) -> None:
    head = begun.position

    for wrong in ({"type": "ClaimFramed"}, None, "troops", framed):
        with pytest.raises(TypeError):
            begun.record(asserted(), wrong)  # type: ignore[arg-type]  # what is refused
    assert begun.position == head
    assert is_new(begun.record(asserted()))


def test_a_batch_has_a_limit(begun: Ledger) -> None:
    head = begun.position

    with refused("batch_too_large"):
        begun.record(*[opened(f"topic-{n}") for n in range(BATCH_LIMIT + 1)])
    assert begun.position == head
    receipt = begun.record(*[opened(f"topic-{n}") for n in range(BATCH_LIMIT)])
    assert receipt.position == head + BATCH_LIMIT == begun.position


def test_nothing_is_recorded_of_nothing(begun: Ledger) -> None:
    before = stored(begun)

    receipt = begun.record()

    assert receipt.events == ()
    assert receipt.position == begun.position == before[-1]["position"]
    assert stored(begun) == before


def test_a_receipt_names_the_last_position_of_its_events(begun: Ledger) -> None:
    old = begun.record(asserted())
    begun.record(denied(by="moscow"))

    both = begun.record(withheld(by="kyiv"), asserted())

    assert [event.new for event in both.events] == [True, False]
    assert both.position == begun.position == old.position + 2
    assert both.model_dump(mode="json") == {
        "position": both.position,
        "recorded_at": stored(begun)[-1]["recorded_at"],
        "events": [
            {"id": both.events[0].id, "position": both.position, "new": True},
            {"id": old.events[0].id, "position": old.position, "new": False},
        ],
    }


def test_the_recorder_is_kept(begun: Ledger) -> None:
    begun.record(asserted(recorder="ana"), denied(by="moscow"))

    assert [event["recorder"] for event in stored(begun)[-2:]] == ["ana", None]
    last = list(begun.events())[-2]
    assert last.recorder == "ana"
