"""The demo: the packaged example, told day by day from the library's answers."""

import json
import re
import shlex
from pathlib import Path

import pytest

import dateline
from tests.test_cli import (
    ESCAPE,
    environment,
    flowing,
    invoke,
    invoked,
    on_terminal,
    run,
    unstyled,
)

DAYS = {
    "2024-10-19": "Saturday 19 October 2024",
    "2024-10-20": "Sunday 20 October 2024",
    "2024-10-21": "Monday 21 October 2024",
    "2024-10-22": "Tuesday 22 October 2024",
}
YONHAP = [
    "  Possibly public already, and counted for nothing yet",
    "  perhaps     South Korea provides weapons to Ukraine because of the North Korean "
    "involvement.",
    "              Yonhap News Agency: asserts it, hedged, dated 2024-10 to 2024-10-22",
    "  perhaps     South Korea sends experts to monitor the situation.",
    "              Yonhap News Agency: asserts it, hedged, dated 2024-10 to 2024-10-22",
]
TROOPS = "  disputed    North Korean troops are deployed to fight against Ukraine."
SUMMONED = (
    "  asserted    South Korea summoned the Russian ambassador and demanded that North "
    "Korean soldiers be withdrawn."
)
CALL = (
    "  asserted    Mark Rutte and President Yoon Suk Yeol spoke about South Korea's "
    "partnership with NATO and about Russia's cooperation with North Korea."
)


@pytest.fixture(scope="module")
def told() -> str:
    """What the demo prints into a pipe."""
    result = run("demo")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def days(text: str) -> dict[str, list[str]]:
    """Split what is told into the lines of each day, and of what to try next."""
    heads = [*DAYS.values(), "Try next"]
    parts = re.split(rf"^({'|'.join(heads)})[ ─]*\n", text, flags=re.MULTILINE)
    return {
        head: part.strip("\n").split("\n")
        for head, part in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str]:
    """The demo's ledger, kept, and what was told of it."""
    path = tmp_path / "kept.dateline"
    return path, invoked("demo", "--ledger", path)


def test_it_begins_with_the_story_and_its_basis(told: str) -> None:
    assert told.splitlines()[:3] == [
        "North Korean troops in the war against Ukraine",
        "Who claimed, confirmed or denied it, October 2024",
        "What was known at the end of each day, and because of whom, as recorded by "
        "position 41 (2024-10-23 09:00:00Z).",
    ]
    assert list(days(told)) == [*DAYS.values(), "Try next"]


def test_on_19_october_nothing_is_known_for_certain(told: str) -> None:
    assert days(told)["Saturday 19 October 2024"] == [
        "No claim was reported.",
        "",
        *YONHAP,
    ]


def test_on_20_october_austin_cannot_confirm(told: str) -> None:
    assert days(told)["Sunday 20 October 2024"] == [
        "1 claim: 1 raised",
        "",
        "  raised      North Korean troops are deployed to fight against Ukraine.",
        "              Lloyd Austin, US Secretary of Defense: cannot confirm it (could "
        "not confirm the deployment of North Korean troops to Russia)",
        "",
        *YONHAP,
    ]


def test_on_21_october_seoul_and_moscow_dispute_it(told: str) -> None:
    assert days(told)["Monday 21 October 2024"] == [
        "3 claims: 1 disputed, 2 asserted",
        "",
        TROOPS,
        "              raised the day before",
        "              South Korea: asserts it, implicitly (demanding a withdrawal "
        "presupposes a presence)",
        "              Russia: denies it, implicitly (did not agree with Seoul's "
        "arguments)",
        "",
        SUMMONED,
        "              South Korea: asserts it, of its own knowledge",
        "",
        CALL,
        "              Mark Rutte, NATO Secretary General: asserts it, of its own "
        "knowledge (announced on X)",
        "",
        *YONHAP,
    ]


def test_on_22_october_rutte_cannot_confirm_either_and_a_briefing_is_promised(
    told: str,
) -> None:
    day = days(told)["Tuesday 22 October 2024"]

    assert day[:5] == [
        "11 claims: 1 disputed, 5 asserted, 5 floated",
        "",
        TROOPS,
        "              disputed the day before too",
        "              Mark Rutte, NATO Secretary General: cannot confirm it: "
        '"So at this moment, I cannot confirm it."',
    ]
    assert day[-9:] == [
        "",
        "  As the day before",
        SUMMONED,
        CALL,
        "",
        "  Promised",
        "  open        Mark Rutte, NATO Secretary General: promises word of South "
        "Korea, due 2024-10-28 to 2024-10-29",
        "              on whether North Korean troops are deployed to fight against "
        "Ukraine.",
        '              "Other than that we will get the latest update from South Korea '
        'earlier next week"',
    ]
    assert (
        "              Mark Rutte, NATO Secretary General: asserts it, on the word of "
        "South Korea" in day
    )
    assert (
        "              Mark Rutte, NATO Secretary General: asserts it, conditionally, "
        'of its own knowledge: "That would really be important, a significant '
        'escalation."' in day
    )
    assert not any("perhaps" in line for line in day)


@pytest.mark.parametrize("day", DAYS)
def test_each_days_facts_are_the_librarys(kept: tuple[Path, str], day: str) -> None:
    path, told = kept
    shown = days(told)[DAYS[day]]

    with dateline.open(path, create=False) as ledger:
        known = ledger.knowledge(on=day)
        promised = ledger.expectations(on=day).expectations
    expected = {(claim.status.value, claim.text) for claim in known.claims}
    expected |= {(promise.state, "") for promise in promised}

    labelled = [re.match(r"  (\w+) {2,}(.*)", line) for line in shown]
    pairs = {(match[1], match[2]) for match in labelled if match}
    claims = {pair for pair in pairs if pair[0] not in ("perhaps", "open")}
    assert claims | {(s, "") for s, _ in pairs if s == "open"} == expected


def test_a_kept_ledger_holds_the_example_as_recorded(kept: tuple[Path, str]) -> None:
    path, _ = kept
    events = [json.loads(line) for line in invoked("export", path).splitlines()]

    assert {event["recorded_at"] for event in events} == {"2024-10-23T09:00:00Z"}
    assert len(events) == 41
    assert "verified 41 events and 11 claims" in invoked("verify", path)


def test_the_commands_to_try_next_work_on_the_ledger_that_was_kept(
    kept: tuple[Path, str],
) -> None:
    path, told = kept
    commands = [shlex.split(line) for line in days(told)["Try next"]]

    assert [command[:3] for command in commands] == [
        ["dateline", "explain", str(path)],
        ["dateline", "changes", str(path)],
    ]
    for command in commands:
        assert "troops-deployed" in invoked(*command[1:])


def test_the_commands_to_try_next_begin_by_keeping_the_ledger(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [shlex.split(line) for line in days(told)["Try next"]]
    monkeypatch.chdir(tmp_path)

    assert commands[0] == ["dateline", "demo", "--ledger", "demo.dateline"]
    for command in commands:
        assert "North Korean troops are deployed" in invoked(*command[1:])


def test_a_ledger_that_is_there_is_not_touched(kept: tuple[Path, str]) -> None:
    path, _ = kept
    before = path.read_bytes()

    result = invoke("demo", "--ledger", path)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("dateline: ledger_exists: ")
    assert path.read_bytes() == before


def test_nothing_is_left_of_a_ledger_that_is_not_kept(tmp_path: Path) -> None:
    result = run("demo", env=environment(TMPDIR=str(tmp_path)), cwd=tmp_path)

    assert result.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_piped_it_is_plain(told: str) -> None:
    assert ESCAPE not in told
    assert not set("≠●○?✔✗─").intersection(told)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_it_has_glyphs_and_colours_and_fits(
    told: str, columns: int
) -> None:
    shown = on_terminal("demo", columns=columns)

    assert "\x1b[1;35m≠ disputed\x1b[0m" in shown
    assert "\x1b[33m? raised\x1b[0m" in shown
    assert "\x1b[33m○ open\x1b[0m" in shown
    lines = unstyled(shown).splitlines()
    assert max(map(len, lines)) <= columns
    without = re.sub("[≠●○─] ?|[?] (?=1 raised|raised)", "", shown)
    assert flowing(without) == flowing(told)
