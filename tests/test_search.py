"""Searching: claims, sources and quotes by their words, as of a point.

What should be found is said by the plainest search there is: over the log, text
by text.
"""

import base64
import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dateline
from dateline import Ledger, Policy, SearchResult
from dateline.cursors import EntryCursors
from dateline.domain.answers import as_json
from dateline.domain.times import instant_of
from dateline.projections.words import MOST_WORDS, words_of
from tests import oracle
from tests.builders import (
    asserted,
    corrected,
    filed,
    framed,
    opened,
    refused,
    registered,
    reworded,
    sources,
    voided,
    withheld,
)
from tests.laws import law
from tests.strategies import Event, Script, ledgers, points, policies
from tests.test_laws import log_of, policy_of, recorded, topics_of

ON = "2024-10-31"


def ids(results: Sequence[SearchResult]) -> list[str | None]:
    """Return what was found: the ids of claims, sources and statements."""
    return [result.statement or result.claim or result.source for result in results]


def found(ledger: Ledger, words: str, **asked: Any) -> list[str | None]:
    """Return the ids of what is found, at the end of October unless said otherwise."""
    return ids(ledger.search(words, **{"on": ON, **asked}).results)


# --- what is found, and when ---------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "expected"), [("2024-10-19", []), ("2024-10-20", ["troops"])]
)
def test_a_claim_is_found_when_it_is_reported(
    ledger: Ledger, on: str, expected: list[str]
) -> None:
    ledger.record(registered(), framed(), asserted(said_at="2024-10-20"))

    assert found(ledger, "korean troops", on=on) == expected


def test_a_claim_that_only_implicit_statements_report_is_not_found_without_them(
    ledger: Ledger,
) -> None:
    ledger.record(registered(), framed())
    ledger.record(asserted(strength=dateline.Strength.IMPLICIT))

    assert found(ledger, "korean") == ["troops"]
    ignoring = Policy(implicit=dateline.Implicit.IGNORE)
    assert found(ledger, "korean", policy=ignoring) == []


def test_a_superseded_wording_is_found_only_by_who_asks_for_then(
    ledger: Ledger,
) -> None:
    ledger.record(registered(), framed(text="Soldiers left"), asserted())
    before = ledger.position
    ledger.record(reworded("Marines left"))

    assert found(ledger, "soldiers") == []
    assert found(ledger, "marines") == ["troops"]
    assert found(ledger, "soldiers", recorded_by=before) == ["troops"]
    assert found(ledger, "marines", recorded_by=before) == []


def test_a_source_is_found_by_its_id_and_by_the_name_that_it_has_then(
    ledger: Ledger,
) -> None:
    ledger.record(registered("nis", name="Intelligence Servise"))
    before = ledger.position
    ledger.record(corrected("nis", name="National Intelligence Service"))
    ledger.record(corrected("nis", country="KR"))

    assert found(ledger, "nis") == ["nis"]
    assert found(ledger, "national service") == ["nis"]
    assert found(ledger, "servise") == []
    assert found(ledger, "servise", recorded_by=before) == ["nis"]
    (result,) = ledger.search("national nis", on=ON).results
    assert result.text == "National Intelligence Service"
    assert (result.kind, result.claim, result.statement) == ("source", None, None)


@pytest.mark.parametrize(
    ("on", "expected"), [("2024-10-20", []), ("2024-10-21", ["s"]), (ON, ["s"])]
)
def test_a_quote_is_found_when_its_statement_is_known(
    ledger: Ledger, on: str, expected: list[str]
) -> None:
    ledger.record(registered(), framed())
    ledger.record(withheld(id="s", said_at="2024-10-21", quote="We cannot tell yet"))

    assert found(ledger, "cannot tell", on=on) == expected


def test_a_quote_is_gone_when_its_statement_is_voided_but_not_for_before(
    ledger: Ledger,
) -> None:
    ledger.record(registered(), framed(), asserted(id="s", quote="They left by ship"))
    before = ledger.position
    ledger.record(voided("s"))
    ledger.record(voided("s", id="again"))

    assert found(ledger, "ship") == []
    assert found(ledger, "ship", recorded_by=before) == ["s"]


def test_what_one_batch_records_and_takes_back_is_not_found(ledger: Ledger) -> None:
    ledger.record(
        *(registered(name="Soul"), corrected(name="Seoul"), framed(text="One")),
        *(reworded("Two"), asserted(id="s", quote="Three"), asserted(id="kept")),
        voided("s"),
    )

    assert [found(ledger, word) for word in ("soul", "one", "three")] == [[], [], []]
    assert found(ledger, "two") == ["troops"]
    ledger.verify()


def test_a_topic_has_its_claims_their_quotes_and_who_spoke_of_them(
    ledger: Ledger,
) -> None:
    ledger.record(opened("a"), opened("b"), *sources("ship-owner", "ship-yard"))
    ledger.record(framed("one", text="A ship left", topics=("a",)))
    ledger.record(framed("two", text="A ship came", topics=("b",)))
    ledger.record(asserted("one", "ship-owner", id="s1", quote="The ship left"))
    ledger.record(asserted("two", "ship-yard", id="s2", quote="The ship came"))
    before = ledger.position
    ledger.record(filed("two", "a"))

    asked = {"topic": "a", "recorded_by": before}
    assert found(ledger, "ship", **asked) == ["one", "ship-owner", "s1"]
    assert found(ledger, "ship", topic="b") == ["two", "ship-yard", "s2"]
    everything = ["one", "two", "ship-owner", "ship-yard", "s1", "s2"]
    assert found(ledger, "ship", topic="a") == everything == found(ledger, "ship")
    with refused("unknown_topic"):
        ledger.search("ship", on=ON, topic="c")


# --- pages ---------------------------------------------------------------------------


def record_ships(ledger: Ledger) -> None:
    """Record five things with a ship in it, of each kind some."""
    ledger.record(*sources("ship-b", "ship-a"))
    ledger.record(framed("two", text="A ship"), framed("one", text="Ships"))
    ledger.record(asserted("two", "ship-b", said_at="2024-10-21", id="later"))
    ledger.record(
        asserted("one", "ship-b", said_at="2024-10-20", quote="Ship!", id="q")
    )


def test_pages_go_on_at_the_position_of_the_first(ledger: Ledger) -> None:
    record_ships(ledger)
    page = ledger.search("ship", on=ON, first=2)
    ledger.record(voided("q"), corrected("ship-b", name="Other"))

    pages = [page]
    while pages[-1].next is not None:
        pages.append(ledger.search("ship", on=ON, first=2, after=pages[-1].next))

    assert [ids(page.results) for page in pages] == [
        ["one", "two"],
        ["ship-a", "ship-b"],
        ["q"],
    ]
    assert {page.basis.position for page in pages} == {page.basis.position}


def test_a_cursor_of_another_question_is_refused(ledger: Ledger) -> None:
    record_ships(ledger)
    cursor = ledger.search("ship", on=ON, first=2).next

    for words, on in (("ships", ON), ("ship", "2024-10-30")):
        with refused("invalid_cursor"):
            ledger.search(words, on=on, after=cursor)
    assert ledger.search("SHIP", on=ON, first=2, after=cursor).results  # the same words


@pytest.mark.parametrize(
    "last",
    ["", "[]", "[1,2,3]", '[0,"","",0]', '[1.0,0,"",0]', f'[0,0,"",{2**63}]'],
)
def test_a_cursor_with_no_place_in_it_is_refused(ledger: Ledger, last: str) -> None:
    record_ships(ledger)
    page = ledger.search("ship", on=ON, first=1)
    assert page.next is not None
    good = EntryCursors.of(ledger._marks(page.basis.position), "other")
    forged = good._replace(digest=_digest_in(page.next)).after(last)

    with refused("invalid_cursor"):
        ledger.search("ship", on=ON, first=1, after=forged)


def _digest_in(cursor: str) -> str:
    digest: str = json.loads(base64.urlsafe_b64decode(cursor + "=="))[0]
    return digest


# --- words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The 12,000 men", ["the", "12", "000", "men"]),
        ("Übung, STRASSE, Straße, façade", ["ubung", "strasse", "strasse", "facade"]),
        ("Київ ΆΘΉΝΑ", ["киів", "αθηνα"]),
        ("ﬁne \uff37\uff29\uff24\uff25 ⅷ", ["fine", "wide", "viii"]),
        ("朝鲜军队 がカｶﾞ", ["朝", "鲜", "军", "队", "が", "カ", "ガ"]),
        ("국가정보원 서울", ["국가정보원", "서울"]),
        ("שָׁלוֹם مُحَمَّد", ["שלום", "محمد"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("a_b c-d e'f", ["a_b", "c", "d", "e", "f"]),
        ("x" * 200, ["x" * 64]),
        ("!?…", []),
    ],
)
def test_a_text_has_these_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_words_are_the_same_however_a_text_is_composed(text: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert words_of(forms[0]) == words_of(forms[1])


@given(st.text())
def test_words_hold_nothing_that_is_syntax_to_a_database(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not set(word) & set(" '\"\\*:&|!<>()^+-{},\x00")


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("Übung im Osten", "ubung OSTEN"),
        ("Übung im Osten", "osten üb"),
        ("朝鲜军队离开", "军队"),
        ("朝鲜军队离开", "朝鲜 离"),
        ("北朝鮮の兵士がロシアへ", "ロシア"),
        ("국가정보원이 말했다", "국가"),
        ("Солдаты ушли вчера", "ушли солдат"),
        ("הם עזבו אתמול", "עזב"),
        ("غادروا مُحَمَّد أمس", "محم"),
        ("ทหารออกไปแล้ว", "ออก"),
        ("nothing OR something", "or some"),
        ("a NEAR b, listed: c", "listed near"),
        ("x" * 3_000, "x" * 100),
    ],
)
def test_a_quote_in_any_script_is_found(ledger: Ledger, quote: str, words: str) -> None:
    ledger.record(registered("nobody"), framed(text="-- 0"))
    ledger.record(asserted(by="nobody", id="s", quote=quote))

    assert found(ledger, words) == ["s"]


@pytest.mark.parametrize(
    "words",
    [
        *(
            "osten -west",
            "NOT osten",
            "osten OR nothing",
            "nothing OR osten",
            "ost* im",
        ),
        *('"im Übung" "x"', "listed:osten", "words MATCH osten", "osten & west"),
        *("osten') OR 1=1 --", "osten:* x", "^osten west", "{osten} y", "ost im"),
        *(
            "NEAR(osten im)",
            "\u202eosten x",
            "o\u200dsten",
            "osten \uff1f west",
            "üb osten",
        ),
    ],
)
def test_syntax_is_no_syntax_and_a_word_that_is_not_there_is_missed(
    ledger: Ledger, words: str
) -> None:
    ledger.record(registered("nobody"), framed(text="0"))
    ledger.record(asserted(by="nobody", quote="Übung im Osten"))

    assert found(ledger, words) == []


@pytest.mark.parametrize("words", ["", " ", '"', "***", "\x00", "…", "\u0301"])
def test_words_without_a_word_are_refused(ledger: Ledger, words: str) -> None:
    with refused("invalid_argument") as caught:
        ledger.search(words, on=ON)
    assert caught.value.parameter == "words"  # type: ignore[attr-defined]


def test_so_many_words_and_no_more_are_looked_for(ledger: Ledger) -> None:
    many = [f"w{number}" for number in range(MOST_WORDS)]
    ledger.record(registered("nobody"), framed(text=" ".join(many)))
    ledger.record(asserted(by="nobody"))

    assert found(ledger, " ".join(many + many)) == ["troops"]
    with refused("invalid_argument"):
        ledger.search(" ".join([*many, "one-too-many"]), on=ON)


@given(words=st.text(max_size=30))
def test_whatever_is_typed_is_answered_or_refused(words: str) -> None:
    with dateline.open(":memory:") as ledger:
        ledger.record(registered(name="Seoul ab 12"))
        try:
            results = ledger.search(words, on="2024-10-20").results
        except dateline.DatelineError as error:
            assert error.code == "invalid_argument"
        else:
            assert bool(results) == matches(words, "Seoul ab 12 seoul")


# --- laws ----------------------------------------------------------------------------

VOCABULARY = (
    *("ship", "ships", "Shipyard", "Übung", "ubung", "Straße", "朝鲜", "鲜", "서울"),
    *("Київ", "שָׁלוֹם", "a_b", "12", "OR", "shi"),
)
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(" ".join)


@st.composite
def worded(draw: st.DrawFn) -> Script:
    """Draw a script with words of a small vocabulary, and sources that are renamed."""
    script = draw(ledgers())
    batches: list[tuple[Event, ...]] = []
    registered: list[str] = []
    for batch in script.batches:
        batches.append(tuple(_worded(draw, event) for event in batch))
        registered += [e["source"] for e in batch if e["type"] == "SourceRegistered"]
        if registered and draw(st.integers(0, 5)) == 0:
            renamed = {
                "type": "SourceCorrected",
                "source": draw(st.sampled_from(registered)),
                "name": draw(WORDS),
                "reason": "Its name",
            }
            batches.append((renamed,))
    return Script(script.zone, tuple(batches))


def _worded(draw: st.DrawFn, event: Event) -> Event:
    for name in ("text", "name"):
        if name in event:
            return {**event, name: draw(WORDS)}
    if "said_at" in event and "source" in event and draw(st.booleans()):
        return {**event, "quote": draw(WORDS)}
    return event


def matches(words: str, text: str) -> bool:
    """Tell whether each word is in a text; the last may be the beginning of one."""
    *whole, last = words_of(words)
    there = words_of(text)
    return all(word in there for word in whole) and any(
        word.startswith(last) for word in there
    )


def plainly(
    ledger: Ledger,
    words: str,
    on: str,
    position: int,
    topic: str | None,
    policy: Policy,
) -> Iterator[tuple[str, str | None, str | None, str | None, str]]:
    """Search the log up to a position, text by text."""
    events = [e for e in log_of(ledger) if e["position"] <= position]
    asked: dict[str, Any] = {"on": on, "recorded_by": position, "topic": topic}
    reported = ledger.knowledge(**asked, policy=policy).claims
    for claim in reported:
        if matches(words, claim.text):
            yield "claim", claim.id, None, None, claim.text
    known_until = instant_of(ledger.knowledge(on=on).basis.known_until)
    of_topic = {claim.id for claim in ledger.knowledge(**asked).claims}
    void = {e["event"] for e in events if e["type"] == "RecordVoided"}
    known = sorted(
        (oracle.period(e["said_at"], ledger.timezone)[1], e["position"], e)
        for e in events
        if "claim" in e and "said_at" in e and e["id"] not in void
    )
    known = [
        one for one in known if one[0] <= known_until and one[2]["claim"] in of_topic
    ]
    names = {e["source"]: e["name"] for e in events if "name" in e}
    speakers = {said["source"] for _, _, said in known}
    for source, name in sorted(names.items()):
        if matches(words, f"{name} {source}") and (topic is None or source in speakers):
            yield "source", None, source, None, name
    for _, _, said in known:
        if "quote" in said and matches(words, said["quote"]):
            yield "quote", said["claim"], said["source"], said["id"], said["quote"]


@law(120, data=st.data(), script=worded())
def test_what_is_found_is_what_a_plain_search_of_the_log_finds(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        for _ in range(6):
            on = data.draw(points(script))
            position = data.draw(st.integers(0, events[-1]["position"]))
            opened_by_then = [e for e in events if e["position"] <= position]
            topic = data.draw(st.sampled_from(topics_of(opened_by_then)))
            policy = policy_of(data.draw(policies()))
            words = data.draw(WORDS | st.sampled_from(VOCABULARY))
            asked: dict[str, Any] = {"on": on, "recorded_by": position}
            asked |= {"topic": topic, "policy": policy}

            whole = ledger.search(words, first=None, **asked)
            assert [
                (one.kind, one.claim, one.source, one.statement, one.text)
                for one in whole.results
            ] == list(plainly(ledger, words, on, position, topic, policy))

            size, after = data.draw(st.integers(1, 3)), None
            paged: list[SearchResult] = []
            while True:
                page = ledger.search(words, first=size, after=after, **asked)
                paged += page.results
                after = page.next
                if after is None:
                    break
            assert tuple(paged) == whole.results


@law(40, data=st.data(), script=worded())
def test_later_news_never_changes_what_was_found(
    store: str, data: st.DataObject, script: Script
) -> None:
    on, words = data.draw(points(script)), data.draw(WORDS)
    cut = data.draw(st.integers(1, len(script.batches)))
    earlier = Script(script.zone, script.batches[:cut])
    with recorded(earlier, store) as ledger:
        answer = as_json(ledger.search(words, on=on))
        position = ledger.position
        for batch in script.batches[cut:]:
            ledger.record(*(dateline.parse_event(event) for event in batch))
        assert as_json(ledger.search(words, on=on, recorded_by=position)) == answer
        ledger.rebuild()
        assert as_json(ledger.search(words, on=on, recorded_by=position)) == answer
        ledger.verify()
