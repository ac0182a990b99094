"""Every error has a code of its own, its values, and a sentence that says where."""

import inspect
from collections.abc import Callable, Iterator

import pytest

import dateline
from dateline import DatelineError, Ledger
from dateline.domain import errors
from tests.builders import asserted, framed, refused, sources


def below(kind: type[DatelineError]) -> Iterator[type[DatelineError]]:
    for derived in kind.__subclasses__():
        yield derived
        yield from below(derived)


ELSEWHERE = "dateline.api.", "dateline.client."
"""Where errors are defined that no ledger raises; tests/api/ops looks at those."""

ERRORS = sorted(
    {
        kind
        for kind in below(DatelineError)
        if kind.__module__.startswith("dateline.")
        and not kind.__module__.startswith(ELSEWHERE)
    },
    key=lambda kind: kind.__name__,
)
VALUES: dict[str, object] = {
    "sentence": "something is wrong; put it right",
    "field": "said_at",
    "size": 10_001,
    "limit": 10_000,
    "kind": "claim",
    "name": "troops",
    "position": 7,
    "parameter": "on",
    "asked": "99",
    "head": 7,
    "reason": "it is malformed",
    "target": "war.dateline",
    "found": 2,
    "supported": 1,
    "advice": "try again",
    "what": "telemetry",
    "extra": "otel",
    "place": "nats://127.0.0.1:4222",
}


def made(kind: type[DatelineError]) -> DatelineError:
    names = inspect.signature(kind).parameters
    make: Callable[..., DatelineError] = kind
    return make(*(VALUES[name] for name in names))


def test_errors_are_defined_in_one_place() -> None:
    assert {kind.__module__ for kind in ERRORS} == {errors.__name__}
    assert len(ERRORS) > 40


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_has_a_code_of_its_own(kind: type[DatelineError]) -> None:
    assert "code" in vars(kind)
    assert kind.code.replace("_", "").isalnum()
    assert kind.code == kind.code.lower()
    assert [other for other in ERRORS if other.code == kind.code] == [kind]
    assert kind.code != DatelineError.code


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_says_what_it_means(kind: type[DatelineError]) -> None:
    assert kind.__doc__
    assert kind.__doc__ != DatelineError.__doc__


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_keeps_its_values_and_says_them_in_one_sentence(
    kind: type[DatelineError],
) -> None:
    error = made(kind)

    for name in inspect.signature(kind).parameters:
        assert getattr(error, name) == (
            str(error) if name == "sentence" else VALUES[name]
        )
    assert "\n" not in str(error)
    assert not str(error).endswith(".")


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_names_the_place_it_is_about(kind: type[DatelineError]) -> None:
    error = made(kind)
    sentence = str(error)

    assert error.at("line 3", 3) is error
    assert str(error) == f"line 3: {sentence}"
    assert (error.where, error.item) == ("line 3", 3)
    assert error.sentence == sentence


@pytest.mark.parametrize("kind", ERRORS)
def test_only_what_the_machine_got_wrong_is_a_fault(kind: type[DatelineError]) -> None:
    faults = errors.LedgerFault, errors.FeedUnavailable
    assert kind.fault is issubclass(kind, faults)


CONTRACTED = (
    *("conflicting_event", "invalid_cursor", "ledger_mismatch"),
    *("unknown_topic", "unknown_claim", "unknown_source"),
)


def test_the_codes_that_the_contract_names_are_there() -> None:
    assert set(CONTRACTED) <= {kind.code for kind in ERRORS}


def test_a_batch_names_the_item_that_it_failed_on(ledger: Ledger) -> None:
    with refused("unknown_source") as caught:
        ledger.record(*sources("seoul"), framed(), asserted(), asserted(by="nobody"))

    assert caught.value.item == 3
    assert str(caught.value).startswith("event 4 of 4: source 'nobody' is not in")


def test_a_title_that_cannot_be_is_refused_with_a_code() -> None:
    for title in ("", " ", "x" * 1_001, "a\x00b"):
        with pytest.raises(DatelineError):
            dateline.open(":memory:", title=title)
