"""What is on the registers, as of a position, and in pages."""

import pytest

import dateline
from dateline import (
    DocumentCaptured,
    DocumentCorrected,
    Ledger,
    RecordVoided,
    SourceKind,
    SourceRegistered,
)
from tests.builders import corrected, opened, rated, refused, registered


def test_a_source_is_told_as_it_stood_at_a_position(ledger: Ledger) -> None:
    ledger.record(
        SourceRegistered(source="nato", name="NATO", kind=SourceKind.ORGANISATION),
        SourceRegistered(source="rutte", name="M. Rutte", principal="nato"),
    )
    before = ledger.position
    ledger.record(corrected("rutte", name="Mark Rutte"))

    assert ledger.source("rutte", recorded_by=before).name == "M. Rutte"
    assert ledger.source("rutte").name == "Mark Rutte"
    assert ledger.source("rutte").principal == "nato"
    assert ledger.source("nato").principal == "nato"


def test_each_raters_last_rating_stands_until_it_is_voided(ledger: Ledger) -> None:
    ledger.record(
        registered("seoul"),
        rated("B", rater="desk", id="first"),
        rated("C", rater="desk", id="second"),
        rated("A", id="nobody"),
    )
    thrice = ledger.position
    ledger.record(RecordVoided(event="second", reason="wrong source"))

    def held(position: int) -> list[tuple[str | None, str, str]]:
        ratings = ledger.source("seoul", recorded_by=position).ratings
        return [(held.rater, held.reliability, held.event) for held in ratings]

    assert held(thrice - 2) == [("desk", "B", "first")]
    assert held(thrice) == [(None, "A", "nobody"), ("desk", "C", "second")]
    assert held(ledger.position) == [(None, "A", "nobody"), ("desk", "B", "first")]


def test_registers_come_in_pages_that_stay_at_the_first_ones_position(
    ledger: Ledger,
) -> None:
    ledger.record(*(registered(source) for source in ("d", "b", "a")))
    first = ledger.sources(first=2)
    ledger.record(registered("c"))
    assert first.next is not None
    second = ledger.sources(first=2, after=first.next)

    assert [source.id for source in first.sources + second.sources] == ["a", "b", "d"]
    assert second.basis == first.basis
    assert second.next is None
    assert [source.id for source in ledger.sources().sources] == ["a", "b", "c", "d"]


def test_a_registers_cursor_serves_no_other_question(ledger: Ledger) -> None:
    ledger.record(registered("a"), registered("b"), opened("t"), opened("u"))
    cursor = ledger.sources(first=1).next

    with refused("invalid_cursor"):
        ledger.topics(first=1, after=cursor)
    with refused("invalid_cursor"):
        ledger.sources(first=1, after=cursor, recorded_by=1)


def test_topics_and_documents_are_told(ledger: Ledger) -> None:
    ledger.record(
        opened("war", title="The war", description="Since 2022"),
        registered("yonhap"),
        DocumentCaptured(document="wire", title="A wire", publisher="yonhap"),
    )
    ledger.record(
        DocumentCorrected(document="wire", reason="typo", published_at="2024-10-22")
    )

    assert ledger.topic("war").description == "Since 2022"
    assert [topic.title for topic in ledger.topics().topics] == ["The war"]
    assert ledger.topics(recorded_by=1).topics == ()
    wire = ledger.document("wire")
    assert (wire.publisher, wire.published_at) == ("yonhap", "2024-10-22")
    assert ledger.document("wire", recorded_by=4).published_at is None


@pytest.mark.parametrize("kind", ["topic", "source", "document"])
def test_what_is_not_there_yet_is_unknown_in_the_same_words(
    ledger: Ledger, kind: str
) -> None:
    ledger.record(
        opened("x"), registered("x"), DocumentCaptured(document="x", title="X")
    )

    told = []
    for name in ("x", "y"):
        with refused(f"unknown_{kind}") as error:
            getattr(ledger, kind)(name, recorded_by=1)
        told.append(str(error.value).replace(repr(name), "?"))
    assert told[0] == told[1]


def test_a_ledger_describes_itself(ledger: Ledger) -> None:
    ledger.record(registered())
    described = ledger.describe()

    assert described.position == ledger.position == 2
    assert described.hash == list(ledger.events())[-1].hash
    assert described.identity == ledger.identity
    assert (described.title, described.timezone) == (ledger.title, "UTC")


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "WyJhIl0", "-1", "1e3", "WyJhIiwxXQ"]
)
def test_a_cursor_that_is_not_this_ledgers_is_refused(
    ledger: Ledger, cursor: str
) -> None:
    with refused("invalid_cursor"):
        ledger.place(cursor)


def test_a_readers_cursor_names_its_ledger_and_no_future(ledger: Ledger) -> None:
    ledger.record(registered())

    assert ledger.place(ledger.cursor(1)).position == 1
    head = ledger.place(None)
    assert head.position == 2
    assert ledger.place("2") == ledger.place(2) == head
    assert ledger.place(ledger.cursor(2)) == ledger.place(ledger.cursor(head.mark))
    assert ledger.place(ledger.cursor(2, "troops")) == (head.mark, "troops")
    for ahead in (3, "3", ledger.cursor(3), "9" * 30):
        with refused("invalid_cursor"):
            ledger.place(ahead)
    with dateline.open(":memory:") as other, refused("invalid_cursor"):
        ledger.place(other.cursor(1))
