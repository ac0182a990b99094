"""The closed set of events: what each may hold, and the code of what it may not."""

import json
import time
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dateline import BasisWord, DatelineError, Likelihood, Strength
from dateline.domain.events import (
    ID_PATTERN,
    LIST_LIMIT,
    NAME_LIMIT,
    QUOTE_LIMIT,
    SLUG_PATTERN,
    STANCES,
    TEXT_LIMIT,
    URL_LIMIT,
    WORD_LIMIT,
    AnyEvent,
    Event,
    parse_event,
)
from dateline.domain.recorded import ENVELOPE, fields_of
from tests.builders import refused
from tests.golden.rewrite import SCRIPT

Json = dict[str, Any]

TYPES: dict[str, type[Event]] = {
    kind.__name__: kind for kind in get_args(get_args(AnyEvent)[0])
}
WHOLE: dict[str, Json] = {}
"""An example of each type, with every field."""
for example in SCRIPT:
    WHOLE.setdefault(example["type"], {**example, "id": "e-1", "recorder": "desk"})

CONTRACT: dict[str, tuple[str, str]] = {
    "LedgerOpened": ("title", "timezone"),
    "TopicOpened": ("topic title", "description"),
    "SourceRegistered": ("source name", "kind principal country url"),
    "SourceCorrected": ("source reason", "name kind country url"),
    "SourceRated": ("source reliability", "rater note"),
    "DocumentCaptured": (
        "document title",
        "publisher url published_at retrieved_at sha256",
    ),
    "DocumentCorrected": (
        "document reason",
        "title publisher url published_at retrieved_at sha256",
    ),
    "ClaimFramed": ("claim text", "topics about kind language"),
    "ClaimReworded": ("claim text", "reason"),
    "ClaimFiled": ("claim topic", ""),
    "ClaimUnfiled": ("claim topic", ""),
    "ClaimsLinked": ("claim other relation", ""),
    "ClaimsUnlinked": ("claim other relation", ""),
    **dict.fromkeys(
        (
            "ClaimAsserted",
            "ClaimDenied",
            "ClaimConfirmed",
            "ClaimRefuted",
            "ConfirmationWithheld",
        ),
        (
            "claim source said_at",
            "strength basis via document quote url language note",
        ),
    ),
    "StatementRetracted": ("claim source said_at", "quote url document note"),
    "RecordVoided": ("event reason", ""),
    "ClaimAssessed": (
        "claim assessor assessed_at",
        "credibility likelihood confidence note",
    ),
    "UpdateExpected": (
        "expectation claims source said_at due",
        "awaits quote document",
    ),
    "UpdateReceived": ("expectation statement", ""),
}
"""Section 4: the required fields of each type, and the others."""

SLUGS = ("topic", "source", "document", "claim", "other", "expectation", "principal")
REFERENCES = (*SLUGS, "publisher", "awaits")
IDS = ("id", "event", "statement")
NAMES = ("title", "name")
TEXTS = ("text", "description", "note", "reason")
WORDS = ("country", "rater", "assessor", "recorder", "timezone")
ENUMS = (
    *("kind", "reliability", "relation", "strength"),
    *("likelihood", "confidence"),
)
DATES = ("said_at", "published_at", "retrieved_at", "assessed_at", "due")
LISTS = ("topics", "via", "claims", "basis")


def having(*names: str) -> list[tuple[str, str]]:
    """List each type with each of its fields that is among some names."""
    return [
        (type_, name)
        for type_, event in WHOLE.items()
        for name in event
        if name in names
    ]


def changed(type_: str, **fields: Any) -> Json:
    return {**WHOLE[type_], **fields}


def without(type_: str, *names: str) -> Json:
    return {name: value for name, value in WHOLE[type_].items() if name not in names}


# --- the set ----------------------------------------------------------------------


def test_the_set_of_types_is_that_of_the_contract() -> None:
    assert TYPES.keys() == CONTRACT.keys() == WHOLE.keys()


@pytest.mark.parametrize("type_", CONTRACT)
def test_a_type_has_the_fields_of_the_contract(type_: str) -> None:
    required, other = (set(names.split()) for names in CONTRACT[type_])
    fields = TYPES[type_].model_fields

    assert {name for name, field in fields.items() if field.is_required()} == required
    assert fields.keys() == required | other | {"type", "id", "recorder"}
    assert WHOLE[type_].keys() == fields.keys()


@pytest.mark.parametrize("type_", CONTRACT)
def test_a_required_field_that_is_missing_is_named(type_: str) -> None:
    for name in CONTRACT[type_][0].split():
        with refused("missing_field") as caught:
            parse_event(without(type_, name))
        assert f"{type_}.{name}" in str(caught.value)
        assert getattr(caught.value, "field", None) == name


@pytest.mark.parametrize("type_", CONTRACT)
def test_the_other_fields_may_be_left_out(type_: str) -> None:
    required = CONTRACT[type_][0].split()

    event = parse_event({"type": type_, **{n: WHOLE[type_][n] for n in required}})

    assert type(event) is TYPES[type_]
    assert event.id is None


@pytest.mark.parametrize("type_", CONTRACT)
def test_an_unknown_field_is_refused(type_: str) -> None:
    for name in ("saidat", "extra", "Claim", "", "stance", "on", "\x00"):
        with refused("unknown_field"):
            parse_event(changed(type_, **{name: "x"}))


@pytest.mark.parametrize("name", [n for n in ENVELOPE if n not in ("id", "recorder")])
def test_a_caller_does_not_write_the_envelope(name: str) -> None:
    with refused("unknown_field"):
        parse_event(changed("ClaimFramed", **{name: 1}))


def test_fields_of_one_type_are_not_those_of_another() -> None:
    for type_, name in [
        ("SourceCorrected", "principal"),
        ("StatementRetracted", "strength"),
        ("StatementRetracted", "basis"),
        ("ClaimReworded", "about"),
        ("UpdateExpected", "note"),
        ("RecordVoided", "claim"),
    ]:
        with refused("unknown_field"):
            parse_event(changed(type_, **{name: "own"}))


@pytest.mark.parametrize(
    "type_",
    [
        "",
        "claimasserted",
        "ClaimAsserted ",
        "Statement",
        "Event",
        "PositionTaken",
        "os",
    ],
)
def test_an_unknown_type_is_refused(type_: str) -> None:
    with refused("unknown_type") as caught:
        parse_event({"type": type_, "claim": "c"})
    assert repr(type_) in str(caught.value)


@pytest.mark.parametrize("type_", [None, 1, [], {}, True])
def test_a_type_that_is_no_word_is_refused(type_: object) -> None:
    with refused("unknown_type"):
        parse_event({"type": type_, "claim": "c"})


def test_an_event_without_a_type_is_refused() -> None:
    nothing: Json = {}
    for fields in (nothing, {"claim": "c", "text": "x"}):
        with refused("missing_field"):
            parse_event(fields)


@pytest.mark.parametrize("fields", [None, 1, "ClaimFramed", [], [{}], b"{}", True])
def test_what_is_no_object_is_refused(fields: object) -> None:
    with refused("invalid_value"):
        parse_event(fields)


def test_a_key_that_is_no_text_is_refused() -> None:
    fields: dict[object, object] = dict(WHOLE["ClaimFramed"].items())
    fields[1] = "x"
    with refused("invalid_value"):
        parse_event(fields)


# --- frozen and strict ------------------------------------------------------------


@pytest.mark.parametrize("type_", CONTRACT)
def test_an_event_cannot_be_changed(type_: str) -> None:
    event = parse_event(WHOLE[type_])

    for name in TYPES[type_].model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(event, name, getattr(event, name))
    hash(event)


@pytest.mark.parametrize(("type_", "name"), having(*REFERENCES, *IDS, *NAMES, *TEXTS))
@pytest.mark.parametrize("value", [1, 1.5, True, b"x", ["x"], {"x": "x"}])
def test_a_text_is_a_text(type_: str, name: str, value: object) -> None:
    with refused("invalid_value"):
        parse_event(changed(type_, **{name: value}))


@pytest.mark.parametrize(
    ("type_", "name"), having(*DATES, *ENUMS, *WORDS, "about", "quote", "url", "sha256")
)
@pytest.mark.parametrize("value", [2024, 1.5, True, ["2024"], {}])
def test_dates_and_words_are_texts(type_: str, name: str, value: object) -> None:
    with refused("invalid_value"):
        parse_event(changed(type_, **{name: value}))


@pytest.mark.parametrize("value", ["3", 3.0, 3.5, True, 0, 7, -1, 10**30, [3]])
def test_credibility_is_a_whole_number_of_the_scale(value: object) -> None:
    with refused("invalid_value"):
        parse_event(changed("ClaimAssessed", credibility=value))


@pytest.mark.parametrize("value", range(1, 7))
def test_credibility_runs_from_one_to_six(value: int) -> None:
    event = parse_event(changed("ClaimAssessed", credibility=value))

    assert fields_of(event)["credibility"] == value


@pytest.mark.parametrize(
    ("type_", "name", "words"),
    [
        ("SourceRegistered", "kind", "person office organisation outlet sensor"),
        ("SourceCorrected", "kind", "person office organisation outlet sensor"),
        ("SourceRated", "reliability", "A B C D E F"),
        ("ClaimFramed", "kind", "fact forecast intention assessment"),
        ("ClaimsLinked", "relation", "contradicts supports refines"),
        ("ClaimsUnlinked", "relation", "contradicts supports refines"),
        ("ClaimAsserted", "strength", "plain hedged conditional implicit"),
        ("ClaimDenied", "strength", "plain hedged conditional implicit"),
        ("ConfirmationWithheld", "strength", "plain hedged conditional implicit"),
        ("ClaimAsserted", "basis", "own unknown"),
        ("ClaimConfirmed", "basis", "own unknown"),
        ("ClaimAssessed", "confidence", "low moderate high"),
    ],
)
def test_a_word_is_one_of_its_set(type_: str, name: str, words: str) -> None:
    for word in words.split():
        assert fields_of(parse_event(changed(type_, **{name: word})))[name] == word
    for word in ("", "other", words.split()[0].swapcase(), words.split()[0] + " "):
        with refused("invalid_value"):
            parse_event(changed(type_, **{name: word}))


def test_likelihood_is_one_of_seven_terms() -> None:
    terms = [
        "almost no chance",
        "very unlikely",
        "unlikely",
        "roughly even chance",
        "likely",
        "very likely",
        "almost certain",
    ]
    for term in terms:
        event = parse_event(changed("ClaimAssessed", likelihood=term))
        assert fields_of(event)["likelihood"] == term
    assert [word.value for word in Likelihood] == terms
    with refused("invalid_value"):
        parse_event(changed("ClaimAssessed", likelihood="probable"))


# --- what is told apart, and what is filled in ------------------------------------


@pytest.mark.parametrize("type_", ["ClaimConfirmed", "ClaimRefuted"])
def test_what_was_checked_is_always_plain(type_: str) -> None:
    for strength in ("hedged", "conditional", "implicit"):
        with refused("invalid_value"):
            parse_event(changed(type_, strength=strength))
    assert fields_of(parse_event(without(type_, "strength")))["strength"] == "plain"


@pytest.mark.parametrize(
    ("type_", "basis"),
    [
        ("ClaimAsserted", "unknown"),
        ("ClaimDenied", "unknown"),
        ("ConfirmationWithheld", "unknown"),
        ("ClaimConfirmed", "own"),
        ("ClaimRefuted", "own"),
    ],
)
def test_what_a_statement_rests_on_unless_it_says(type_: str, basis: str) -> None:
    event = parse_event(without(type_, "basis", "strength", "via"))

    assert fields_of(event)["basis"] == basis
    assert fields_of(event)["strength"] == "plain"
    assert "via" not in fields_of(event)


def test_a_ledger_is_in_utc_unless_it_says() -> None:
    assert fields_of(parse_event(without("LedgerOpened", "timezone"))) == {
        "title": WHOLE["LedgerOpened"]["title"],
        "timezone": "UTC",
    }


def test_a_basis_is_a_word_or_names_entries() -> None:
    for basis in (["own"], ["unknown", "x"], ["a:B.c-1"], ["s"] * LIST_LIMIT):
        event = parse_event(changed("ClaimAsserted", basis=basis))
        assert fields_of(event)["basis"] == basis
    with refused("empty_list"):
        parse_event(changed("ClaimAsserted", basis=[]))
    with refused("list_too_long"):
        parse_event(changed("ClaimAsserted", basis=["s"] * (LIST_LIMIT + 1)))
    for entry in ("", "a b", "-a"):
        with refused("invalid_id"):
            parse_event(changed("ClaimAsserted", basis=["fine", entry]))
    wrong: tuple[object, ...] = (["s", 1], [None], {"own": True}, "theirs", 1, [["s"]])
    for value in wrong:
        with refused("invalid_value"):
            parse_event(changed("ClaimAsserted", basis=value))


def test_lists_become_tuples() -> None:
    event = parse_event(changed("ClaimFramed", topics=["b", "a"]))

    assert event == TYPES["ClaimFramed"](**changed("ClaimFramed", topics=("b", "a")))
    assert fields_of(event)["topics"] == ["b", "a"]
    wrong: tuple[object, ...] = ("a", {"a": 1}, 1, True)
    for value in wrong:
        with refused("invalid_value"):
            parse_event(changed("ClaimFramed", topics=value))


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (type_, name)
        for type_, (_, optional) in CONTRACT.items()
        for name in (*optional.split(), "id", "recorder")
        if name not in ("strength", "basis", "via", "topics", "timezone")
    ],
)
def test_null_is_the_same_as_left_out(type_: str, name: str) -> None:
    assert parse_event(changed(type_, **{name: None})) == parse_event(
        without(type_, name)
    )


@pytest.mark.parametrize("type_", CONTRACT)
def test_null_is_not_a_value_of_a_required_field(type_: str) -> None:
    for name in CONTRACT[type_][0].split():
        with refused("invalid_value"):
            parse_event(changed(type_, **{name: None}))


def test_a_fingerprint_is_64_hex_digits_in_lower_case() -> None:
    event = parse_event(changed("DocumentCaptured", sha256="AB" * 32))

    assert fields_of(event)["sha256"] == "ab" * 32
    for wrong in ("ab" * 31, "ab" * 33, "xy" * 32, ""):
        with refused("invalid_value"):
            parse_event(changed("DocumentCaptured", sha256=wrong))


@pytest.mark.parametrize("language", ["en", "uk", "zh-Hant-TW", "sr-Latn", "x-klingon"])
def test_a_language_is_a_tag(language: str) -> None:
    if language != "x-klingon":
        event = parse_event(changed("ClaimFramed", language=language))
        assert fields_of(event)["language"] == language
    for wrong in ("", "e", "english language", "en_GB", "en-", "en\n"):
        with refused("invalid_value"):
            parse_event(changed("ClaimFramed", language=wrong))


# --- names, texts, limits ---------------------------------------------------------


@pytest.mark.parametrize(("type_", "name"), having(*REFERENCES))
def test_a_slug_is_short_and_plain(type_: str, name: str) -> None:
    for slug in ("a", "0", "a.b_c-d", "9-lives", "a" * 128):
        assert fields_of(parse_event(changed(type_, **{name: slug})))[name] == slug
    for wrong in (
        "",
        "A",
        "-a",
        ".a",
        "_a",
        "a b",
        "a:b",
        "a/b",
        "ä",
        "a\n",
        "a" * 129,
    ):
        with refused("invalid_id"):
            parse_event(changed(type_, **{name: wrong}))


@pytest.mark.parametrize(("type_", "name"), having("topics", "via", "claims"))
def test_a_list_names_slugs_and_not_too_many(type_: str, name: str) -> None:
    parse_event(changed(type_, **{name: ["a"] * LIST_LIMIT}))
    with refused("list_too_long"):
        parse_event(changed(type_, **{name: ["a"] * (LIST_LIMIT + 1)}))
    with refused("invalid_id"):
        parse_event(changed(type_, **{name: ["a", "A"]}))
    with refused("invalid_value"):
        parse_event(changed(type_, **{name: ["a", 1]}))


def test_a_promise_is_about_some_claim() -> None:
    with refused("empty_list"):
        parse_event(changed("UpdateExpected", claims=[]))


@pytest.mark.parametrize(("type_", "name"), having(*IDS))
def test_an_id_may_have_capitals_and_colons(type_: str, name: str) -> None:
    for id in ("a", "A", "0", "A:b.C_d-e", "Z" * 128):
        assert getattr(parse_event(changed(type_, **{name: id})), name) == id
    for wrong in ("", ":a", "-a", "a b", "a/b", "é", "a\n", "a" * 129):
        with refused("invalid_id"):
            parse_event(changed(type_, **{name: wrong}))


LIMITED = [
    *((type_, name, NAME_LIMIT) for type_, name in having(*NAMES)),
    *((type_, name, TEXT_LIMIT) for type_, name in having(*TEXTS)),
    *((type_, name, QUOTE_LIMIT) for type_, name in having("quote")),
    *((type_, name, URL_LIMIT) for type_, name in having("url")),
    *((type_, name, WORD_LIMIT) for type_, name in having(*WORDS)),
]


@pytest.mark.parametrize(("type_", "name", "limit"), LIMITED)
def test_a_text_has_a_limit_in_characters(type_: str, name: str, limit: int) -> None:
    for character in ("x", "я", "🇰"):
        whole = character * limit
        assert getattr(parse_event(changed(type_, **{name: whole})), name) == whole
        with refused("text_too_long") as caught:
            parse_event(changed(type_, **{name: whole + character}))
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("type_", "name", "limit"), LIMITED)
def test_a_text_is_not_empty_and_has_no_nul(type_: str, name: str, limit: int) -> None:
    for blank in ("", " ", "\n\t ", "\u00a0\u2003"):
        with refused("empty_text"):
            parse_event(changed(type_, **{name: blank}))
    for nul in ("\x00", "a\x00", "\x00a", "a\nb\x00c"):
        with refused("nul_character"):
            parse_event(changed(type_, **{name: nul}))
    for taken in (" a ", "\na", "a\r\n", "\x01\x7f", "a\u2028b"):
        event = parse_event(changed(type_, **{name: taken}))
        assert getattr(event, name) == taken


def test_the_limits_are_those_of_the_issue() -> None:
    assert (TEXT_LIMIT, QUOTE_LIMIT, LIST_LIMIT) == (10_000, 20_000, 100)
    assert SLUG_PATTERN == "^[a-z0-9][a-z0-9._-]{0,127}$"
    assert ID_PATTERN == "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


@pytest.mark.parametrize(
    ("type_", "name"), having(*REFERENCES, *IDS, *NAMES, *TEXTS, *WORDS, "quote", "url")
)
def test_half_a_surrogate_pair_is_no_text(type_: str, name: str) -> None:
    with refused("invalid_utf8"):
        parse_event(changed(type_, **{name: "a\ud800"}))


def test_half_a_surrogate_pair_is_nowhere_taken() -> None:
    for type_, name in having(*DATES, *ENUMS, "about", "sha256", "language", "basis"):
        with pytest.raises(Exception) as caught:
            parse_event(changed(type_, **{name: "\ud800"}))
        assert getattr(caught.value, "code", None) in (
            *("invalid_utf8", "invalid_value", "invalid_time"),
        )
    both: tuple[Json, ...] = ({"\ud800": 1}, {"topics": ["\ud800"]})
    for fields in both:
        with pytest.raises(Exception) as caught:
            parse_event(changed("ClaimFramed", **fields))
        assert getattr(caught.value, "code", None) in (
            *("invalid_utf8", "invalid_value", "unknown_field", "invalid_id"),
        )


@pytest.mark.parametrize(("type_", "name"), having(*DATES, "about"))
def test_a_date_is_checked_without_a_zone(type_: str, name: str) -> None:
    for text, code in [
        ("yesterday", "invalid_time"),
        ("2024-10-22T09:30:00", "invalid_time"),
        ("", "invalid_time"),
        ("2024-02-30", "impossible_date"),
        ("2024-13", "impossible_date"),
        ("2024-10-22T25:00:00Z", "impossible_date"),
    ]:
        with refused(code) as caught:
            parse_event(changed(type_, **{name: text}))
        assert f"{type_}.{name}" in str(caught.value)
        assert getattr(caught.value, "field", None) == name


@pytest.mark.parametrize(("type_", "name"), having(*DATES, "about"))
def test_an_instant_is_kept_in_utc(type_: str, name: str) -> None:
    event = parse_event(changed(type_, **{name: "2024-10-22T09:30:00.5+03:00/2024-11"}))

    assert fields_of(event)[name] == "2024-10-22T06:30:00.500000Z/2024-11"


def test_only_the_time_of_the_claim_may_be_open() -> None:
    for about in ("2024/..", "../2024", "../.."):
        event = parse_event(changed("ClaimFramed", about=about))
        assert fields_of(event)["about"] == about
    for type_, name in having(*DATES):
        for text in ("2024/..", "../2024"):
            with refused("invalid_time"):
                parse_event(changed(type_, **{name: text}))


@pytest.mark.parametrize("type_", CONTRACT)
def test_a_long_value_is_cut_in_the_sentence(type_: str) -> None:
    with pytest.raises(Exception) as caught:
        parse_event(changed(type_, id="é" * 10_000_000))
    assert len(str(caught.value)) < 300


def test_a_deeply_nested_value_is_refused() -> None:
    nested: Any = []
    for _ in range(5_000):
        nested = [nested]
    with refused("invalid_value"):
        parse_event(changed("ClaimFramed", text=nested))


MANY = 200_000


@pytest.mark.parametrize(
    "fields",
    [
        {"topics": ["A"] * MANY},
        {"topics": [1] * MANY},
        {"topics": ["a"] * MANY},
        {f"field-{number}": number for number in range(MANY)},
    ],
    ids=["bad slugs", "numbers", "slugs", "unknown fields"],
)
def test_the_first_thing_wrong_is_enough(fields: Json) -> None:
    """A line of 16 MiB has room for millions: to list them all takes gigabytes."""
    event = changed("ClaimFramed", **fields)
    began = time.perf_counter()

    with pytest.raises(DatelineError):
        parse_event(event)

    assert time.perf_counter() - began < 1


def test_among_many_fields_the_unknown_one_is_named() -> None:
    unknown = {f"field-{number}": number for number in range(100)}
    with refused("unknown_field") as caught:
        parse_event({"type": "ClaimFramed", **unknown, **WHOLE["ClaimFramed"]})
    assert "'field-0'" in str(caught.value)


# --- there and back ---------------------------------------------------------------

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def texts(limit: int = 40) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=1, max_size=limit).filter(
        lambda text: any(not c.isspace() and c > "\x20" and c != "\x85" for c in text)
    )


SLUG = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,20}", fullmatch=True)
INSTANT = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
END = (
    st.dates().map(str)
    | st.dates().map(lambda day: str(day)[:7])
    | st.dates().map(lambda day: str(day)[:4])
    | INSTANT
)
DATE = END | st.tuples(END, END).map("/".join)
SPAN = DATE | END.map(lambda end: f"{end}/..") | END.map(lambda end: f"../{end}")


def values(type_: str, name: str) -> st.SearchStrategy[Any]:
    """Draw what a field may hold."""
    if name in REFERENCES:
        return SLUG
    if name in IDS:
        return ID
    if name in ("topics", "via", "claims"):
        return st.lists(SLUG, min_size=int(name == "claims"), max_size=4)
    if name == "basis":
        return st.sampled_from(["own", "unknown"]) | st.lists(
            ID, min_size=1, max_size=4
        )
    if name in DATES:
        return DATE
    if name == "about":
        return SPAN
    if name == "credibility":
        return st.integers(1, 6)
    if name == "sha256":
        return st.binary(min_size=32, max_size=32).map(bytes.hex)
    if name == "language":
        return st.sampled_from(["en", "uk", "zh-Hant"])
    if name == "likelihood":
        return st.sampled_from([word.value for word in Likelihood])
    if name == "strength" and type_ not in ("ClaimConfirmed", "ClaimRefuted"):
        return st.sampled_from([word.value for word in Strength])
    if name in ENUMS:
        return st.just(WHOLE[type_][name])
    return texts()


@st.composite
def documents(draw: st.DrawFn) -> Json:
    """Draw the JSON of an event: what is required, and some of what is not."""
    type_ = draw(st.sampled_from(sorted(CONTRACT)))
    required, optional = (names.split() for names in CONTRACT[type_])
    chosen = draw(st.sets(st.sampled_from([*optional, "id", "recorder"])))
    names = [
        *required,
        *(name for name in [*optional, "id", "recorder"] if name in chosen),
    ]
    return {"type": type_, **{name: draw(values(type_, name)) for name in names}}


@given(documents())
def test_an_event_survives_json(document: Json) -> None:
    event = parse_event(document)
    fields: Json = {"type": event.type, **fields_of(event)}
    fields |= {name: document[name] for name in ("id", "recorder") if name in document}

    again = parse_event(json.loads(json.dumps(fields)))

    assert again == event
    assert hash(again) == hash(event)
    assert TYPES[event.type].model_validate(event.model_dump()) == event
    given_back = {name: fields[name] for name in document if name in fields}
    for name, value in given_back.items():
        if name not in (*DATES, "about"):
            assert value == document[name]


@pytest.mark.parametrize("type_", CONTRACT)
def test_an_event_made_in_python_is_the_one_read_from_json(type_: str) -> None:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in WHOLE[type_].items()
    }

    assert TYPES[type_](**fields) == parse_event(WHOLE[type_])


def test_every_statement_has_a_stance() -> None:
    stances = {
        "ClaimAsserted": "asserted",
        "ClaimDenied": "denied",
        "ClaimConfirmed": "confirmed",
        "ClaimRefuted": "refuted",
        "ConfirmationWithheld": "withheld",
        "StatementRetracted": "retracted",
    }

    assert {type_: stance.value for type_, stance in STANCES.items()} == stances


def test_every_type_says_what_it_means() -> None:
    for kind in TYPES.values():
        assert kind.__doc__
        assert kind.__doc__.strip()[0].isupper()


def test_the_words_of_a_basis_are_two() -> None:
    assert [word.value for word in BasisWord] == ["own", "unknown"]
