"""The command line: what it prints where, and how it ends."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import dateline
from dateline import Answer, Ledger, Policy
from dateline.cli.app import app
from dateline.domain.answers import as_json
from dateline.jsonl import import_file
from dateline.projections.targets import name_of
from tests.stores import Places, on_sqlite_alone

EXAMPLE = Path(__file__).parent.parent / "examples" / "dprk-troops-2024.jsonl"
COMMANDS = (
    *("demo", "init", "import", "known", "claim", "timeline", "changes", "explain"),
    *("positions", "expectations", "events", "export", "rebuild", "verify", "backup"),
    "copy",
)
PATIENCE_SECONDS = 30
ESCAPE = "\x1b"
IGNORE = Policy.model_validate({"implicit": "ignore"})

Answers = Callable[[Ledger], Answer]


def environment(**changes: str) -> dict[str, str]:
    """Return an environment that asks for no colours, no width, no other buffering."""
    asked = ("COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONUNBUFFERED", "TTY_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(asked)}
    return {**kept, "TERM": "xterm-256color", "PYTHONUTF8": "1", **changes}


def command(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "dateline", *map(str, words)]


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, its output piped."""
    settings: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": None if "input" in options else subprocess.DEVNULL,
        "env": environment(),
        "text": True,
        "timeout": PATIENCE_SECONDS,
        **options,
    }
    return subprocess.run(command(*words), check=False, **settings)


def invoke(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def invoked(*words: object) -> str:
    """Run a command that succeeds in silence but for its output."""
    result = invoke(*words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def on_terminal(*words: object, columns: int = 80, **changes: str) -> str:
    """Run a command on a terminal, and return all that it shows there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        command(*words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**changes),
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:  # the terminal's other side is closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 0, shown.decode()
    return shown.decode().replace("\r\n", "\n")


def unstyled(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def flowing(text: str) -> str:
    """Return a text without its line breaks and indents."""
    return " ".join(unstyled(text).split())


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def write_lines(path: Path, *events: dict[str, Any]) -> Path:
    text = "".join(json.dumps(event) + "\n" for event in events)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def seed(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The packaged example as a ledger; nobody writes to it."""
    with closing(Places(store, tmp_path_factory.mktemp("seed"))) as places:
        target = places.new("seed")
        with EXAMPLE.open("rb") as file:
            import_file(target, file, name=EXAMPLE.name, keep_recorded_at=True)
        yield target


@pytest.fixture
def ledger(target: str) -> str:
    """A ledger of one topic, one source and one claim."""
    with dateline.open(target, title="war") as opened:
        opened.record(
            dateline.TopicOpened(topic="dprk", title="North Korea"),
            dateline.SourceRegistered(source="seoul", name="Seoul"),
            dateline.ClaimFramed(claim="troops", text="Troops came.", topics=("dprk",)),
        )
    return target


# --- answers as JSON ----------------------------------------------------------------

DAY = ("--on", "2024-10-22")
IGNORING = ("--policy", '{"implicit": "ignore"}')


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("known", *DAY), lambda ledger: ledger.knowledge(on="2024-10-22")),
        (
            ("known", "--on", "2024-10-21T12:00:00Z"),
            lambda ledger: ledger.knowledge(on="2024-10-21T12:00:00Z"),
        ),
        (
            ("known", *DAY, "--topic", "dprk-troops", "--recorded-by", "30"),
            lambda ledger: ledger.knowledge(
                on="2024-10-22", topic="dprk-troops", recorded_by=30
            ),
        ),
        (
            ("known", *DAY, *IGNORING, "--status", "raised", "--status", "floated"),
            lambda ledger: ledger.knowledge(
                on="2024-10-22", policy=IGNORE, statuses=["raised", "floated"]
            ),
        ),
        (
            ("known", *DAY, "--recorded-by", "2024-10-22"),
            lambda ledger: ledger.knowledge(on="2024-10-22", recorded_by="2024-10-22"),
        ),
        (
            ("claim", "troops-deployed", *DAY),
            lambda ledger: ledger.claim("troops-deployed", on="2024-10-22"),
        ),
        (
            ("claim", "troops-deployed", *DAY, "--recorded-by", "31", *IGNORING),
            lambda ledger: ledger.claim(
                "troops-deployed", on="2024-10-22", recorded_by=31, policy=IGNORE
            ),
        ),
        (
            ("timeline", "troops-deployed"),
            lambda ledger: ledger.timeline("troops-deployed"),
        ),
        (
            ("timeline", "troops-deployed", "--recorded-by", "30", *IGNORING),
            lambda ledger: ledger.timeline(
                "troops-deployed", recorded_by=30, policy=IGNORE
            ),
        ),
        (
            ("changes", "--from", "2024-10-20", "--to", "2024-10-22"),
            lambda ledger: ledger.changes(("2024-10-20", None), ("2024-10-22", None)),
        ),
        (
            (
                *("changes", "--from", "2024-10-22", "--from-recorded-by", "30"),
                *("--to", "2024-10-21", "--to-recorded-by", "40"),
                *("--topic", "dprk-troops", *IGNORING),
            ),
            lambda ledger: ledger.changes(
                ("2024-10-22", 30),
                ("2024-10-21", 40),
                topic="dprk-troops",
                policy=IGNORE,
            ),
        ),
        (
            ("explain", "experts-brief-nato", *DAY),
            lambda ledger: ledger.explain("experts-brief-nato", on="2024-10-22"),
        ),
        (
            ("explain", "troops-deployed", *DAY, "--recorded-by", "31", *IGNORING),
            lambda ledger: ledger.explain(
                "troops-deployed", on="2024-10-22", recorded_by=31, policy=IGNORE
            ),
        ),
        (
            ("positions", "rutte", *DAY),
            lambda ledger: ledger.positions("rutte", on="2024-10-22"),
        ),
        (
            ("positions", "russia", *DAY, "--recorded-by", "31", *IGNORING),
            lambda ledger: ledger.positions(
                "russia", on="2024-10-22", recorded_by=31, policy=IGNORE
            ),
        ),
        (
            ("expectations", "--on", "2024-10-30"),
            lambda ledger: ledger.expectations(on="2024-10-30"),
        ),
        (
            ("expectations", "--on", "2024-10-30", "--recorded-by", "34"),
            lambda ledger: ledger.expectations(on="2024-10-30", recorded_by=34),
        ),
    ],
)
def test_json_is_the_librarys_answer_and_nothing_else(
    seed: str, words: tuple[str, ...], answer: Answers
) -> None:
    name, *rest = words
    printed = invoked(name, seed, *rest, "--json")

    with dateline.open(seed, create=False) as opened:
        assert json.loads(printed) == as_json(answer(opened))
    assert printed.count("\n") == 1


TROOPS = "troops-deployed"
BRIGADES = "two-brigades"
KURSK = "kursk-arrival"


@pytest.mark.parametrize(
    ("on", "troops", "brigades", "kursk"),
    [
        ("2024-10-19", None, None, None),
        ("2024-10-20", ("raised", [], [], ["austin"]), None, None),
        (
            "2024-10-21",
            ("disputed", ["south-korea"], ["russia"], ["austin"]),
            None,
            None,
        ),
        (
            "2024-10-22",
            ("disputed", ["south-korea"], ["russia"], ["austin", "rutte"]),
            ("floated", ["zelenskyy"], [], []),
            ("floated", ["budanov"], [], []),
        ),
    ],
)
def test_the_worked_table_is_what_known_prints(
    seed: str, on: str, troops: object, brigades: object, kursk: object
) -> None:
    answer = json.loads(invoked("known", seed, "--on", on, "--json"))

    known = {
        claim["id"]: (
            claim["status"],
            *(claim["tally"][side] for side in ("for", "against", "withheld_by")),
        )
        for claim in answer["claims"]
    }
    assert [known.get(id) for id in (TROOPS, BRIGADES, KURSK)] == [
        troops,
        brigades,
        kursk,
    ]


def test_the_worked_example_counts_statuses_and_what_is_possibly_known(
    seed: str,
) -> None:
    counts = {}
    undated = {}
    for day in ("2024-10-19", "2024-10-20", "2024-10-21", "2024-10-22"):
        answer = json.loads(invoked("known", seed, "--on", day, "--json"))
        counts[day] = answer["counts"]
        undated[day] = {possible["claim"] for possible in answer["possibly_known"]}

    assert counts["2024-10-22"] == {"disputed": 1, "asserted": 5, "floated": 5}
    yonhap = {"weapons-to-ukraine", "experts-to-monitor"}
    assert list(undated.values()) == [yonhap, yonhap, yonhap, set()]


@pytest.mark.parametrize("day", ["2024-10-20", "2024-10-21", "2024-10-22"])
def test_a_policy_that_ignores_the_implicit_leaves_the_claim_raised(
    seed: str, day: str
) -> None:
    words = ("claim", seed, TROOPS, "--on", day, *IGNORING, "--json")

    assert json.loads(invoked(*words))["status"] == "raised"


@pytest.mark.parametrize(
    ("on", "states"),
    [
        ("2024-10-21", []),
        ("2024-10-22", ["open"]),
        ("2024-10-29", ["open"]),
        ("2024-10-30", ["lapsed"]),
    ],
)
def test_the_promised_briefing_is_open_until_it_lapses(
    seed: str, on: str, states: list[str]
) -> None:
    answer = json.loads(invoked("expectations", seed, "--on", on, "--json"))

    assert [promised["state"] for promised in answer["expectations"]] == states


def test_known_prints_every_page(target: str) -> None:
    with dateline.open(target) as opened:
        opened.record(dateline.SourceRegistered(source="s", name="S"))
        for index in range(300):
            claim = f"c{index:03}"
            opened.record(
                dateline.ClaimFramed(claim=claim, text=claim),
                dateline.ClaimAsserted(claim=claim, source="s", said_at="2024"),
            )

    answer = json.loads(invoked("known", target, "--on", "2025-01-01", "--json"))

    assert (len(answer["claims"]), answer["next"]) == (300, None)


# --- the log --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "filter"),
    [
        ((), {}),
        (("--after", "35"), {"after": 35}),
        (("--topic", "dprk-troops"), {"topic": "dprk-troops"}),
        (("--claim", TROOPS), {"claim": TROOPS}),
        (("--source", "rutte", "--after", "20"), {"source": "rutte", "after": 20}),
        (
            ("--type", "ClaimDenied", "--type", "UpdateExpected"),
            {"types": ["ClaimDenied", "UpdateExpected"]},
        ),
    ],
)
def test_events_prints_one_event_a_line(
    seed: str, words: tuple[str, ...], filter: dict[str, Any]
) -> None:
    with dateline.open(seed, create=False) as opened:
        expected = [e.model_dump(mode="json") for e in opened.events(**filter)]

    assert lines_of(invoked("events", seed, *words, "--json")) == expected
    assert len(expected) > 1
    plain = invoked("events", seed, *words).splitlines()
    assert [int(line.split()[0]) for line in plain] == [e["position"] for e in expected]


def test_an_events_line_names_every_field(seed: str) -> None:
    (line,) = invoked("events", seed, "--after", "31", "--source", "rutte").splitlines(
        keepends=True
    )[:1]

    assert line == (
        "    32  2024-10-23T09:00:00Z  ConfirmationWithheld  claim=troops-deployed  "
        'source=rutte  said_at=2024-10-22  document=seed-article  quote="So at this '
        'moment, I cannot confirm it."  strength=plain  basis=unknown\n'
    )


def test_export_prints_the_log_as_stored(seed: str) -> None:
    with dateline.open(seed, create=False) as opened:
        expected = b"".join(line + b"\n" for line in opened.export())

    assert run("export", seed).stdout.encode() == expected


def test_an_export_imported_reproduces_the_ledger(seed: str, places: Places) -> None:
    exported = invoked("export", seed)
    copy = places.new("copy")

    imported = run("import", copy, "-", "--keep-recorded-at", input=exported)

    assert (imported.returncode, imported.stderr) == (0, "")

    assert invoked("export", copy) == exported
    assert "verified 41 events and 11 claims" in invoked("verify", copy)


def test_export_into_a_file_writes_it_whole(seed: str, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"

    invoked("export", seed, "--output", target)

    assert target.read_text(encoding="utf-8") == invoked("export", seed)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.fixture
def follow() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start followers; what is left of them at the end is killed."""
    followers: list[subprocess.Popen[bytes]] = []

    def started(*words: object) -> subprocess.Popen[bytes]:
        followers.append(
            subprocess.Popen(
                command("events", *words, "--follow"),
                bufsize=0,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
            )
        )
        return followers[-1]

    yield started
    for follower in followers:
        follower.kill()
        follower.communicate()


def next_line(follower: subprocess.Popen[bytes]) -> bytes:
    assert follower.stdout is not None
    ready, _, _ = select.select([follower.stdout], [], [], PATIENCE_SECONDS)
    assert ready, "nothing came"
    return follower.stdout.readline()


@pytest.mark.slow
def test_followers_in_other_processes_see_each_event_once_and_at_once(
    ledger: str, follow: Callable[..., subprocess.Popen[bytes]]
) -> None:
    followers = [follow(ledger, "--after", "2", "--json") for _ in range(2)]
    seen = [[next_line(follower) for _ in range(2)] for follower in followers]
    for index in range(3):  # each is read before the next is recorded
        event = {"type": "TopicOpened", "topic": f"t{index}", "title": "T"}
        assert run("import", ledger, "-", input=json.dumps(event)).returncode == 0
        for lines, follower in zip(seen, followers, strict=True):
            lines.append(next_line(follower))

    for lines, follower in zip(seen, followers, strict=True):
        follower.send_signal(signal.SIGINT)
        rest = follower.communicate(timeout=PATIENCE_SECONDS)
        positions = [json.loads(line)["position"] for line in lines]
        assert positions == [3, 4, 5, 6, 7]
        assert (rest, follower.returncode) == ((b"", b""), 130)


@pytest.mark.slow
def test_following_ends_when_the_reader_has_gone(
    ledger: str, follow: Callable[..., subprocess.Popen[bytes]]
) -> None:
    follower = follow(ledger)
    for _ in range(4):
        next_line(follower)
    assert follower.stdout is not None and follower.stderr is not None
    follower.stdout.close()

    assert follower.wait(PATIENCE_SECONDS) == 141
    assert follower.stderr.read() == b""


# --- keeping a ledger -----------------------------------------------------------------


def test_init_opens_a_ledger_with_its_title_and_zone(target: str) -> None:
    said = invoked("init", target, "--title", "The war", "--timezone", "Europe/Kyiv")

    assert said == f"{target}: opened 'The war', days in Europe/Kyiv\n"
    with dateline.open(target, create=False) as opened:
        assert (opened.title, opened.timezone) == ("The war", "Europe/Kyiv")
        assert [event.type for event in opened.events()] == ["LedgerOpened"]


def test_init_without_more_names_the_ledger_after_its_place(target: str) -> None:
    invoked("init", target)

    with dateline.open(target, create=False) as opened:
        assert (opened.title, opened.timezone) == (name_of(target), "UTC")


def test_import_creates_a_ledger_and_changes_nothing_the_second_time(
    target: str,
) -> None:
    first = invoked("import", target, EXAMPLE)
    log = invoked("export", target)
    again = invoke("import", target, EXAMPLE)

    assert first == f"{EXAMPLE}: 41 lines, 41 new, 0 there already\n"
    assert again.stdout == f"{EXAMPLE}: 41 lines, 0 new, 40 there already\n"
    assert again.stderr == (
        f"dateline: note: {EXAMPLE}: line 1: LedgerOpened skipped; the ledger is open\n"
    )
    assert (again.exit_code, invoked("export", target)) == (0, log)


TOPIC = {"type": "TopicOpened", "topic": "t", "title": "T"}
SOURCE = {"type": "SourceRegistered", "source": "s", "name": "S"}
CLAIM = {"type": "ClaimFramed", "claim": "c", "text": "It is so.", "topics": ["t"]}


def test_import_takes_several_files_in_their_order(target: str, tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.jsonl", TOPIC)
    two = write_lines(tmp_path / "two.jsonl", CLAIM, SOURCE)

    said = invoked("import", target, one, two)

    assert said == (
        f"{one}: 1 line, 1 new, 0 there already\n"
        f"{two}: 2 lines, 2 new, 0 there already\n"
    )
    with dateline.open(target, create=False) as opened:
        assert opened.title == "one"
        assert [event.type for event in opened.events(1)] == [
            *("TopicOpened", "ClaimFramed", "SourceRegistered")
        ]


def test_import_reads_standard_input_and_names_the_ledger_after_itself(
    target: str,
) -> None:
    imported = run("import", target, "-", input=json.dumps(TOPIC))

    assert imported.stdout == "standard input: 1 line, 1 new, 0 there already\n"
    with dateline.open(target, create=False) as opened:
        assert opened.title == name_of(target)


def test_import_in_parts_keeps_the_parts_before_a_bad_line(
    target: str, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "in.jsonl", TOPIC, SOURCE, CLAIM, {"type": "Foo"})

    failed = invoke("import", target, file, "--batch", "2")

    assert failed.exit_code == 2
    assert "dateline: unknown_type: line 4: " in failed.stderr
    assert [event["type"] for event in lines_of(invoked("export", target))] == [
        *("LedgerOpened", "TopicOpened", "SourceRegistered")
    ]


def test_backup_copies_and_rebuild_and_verify_report(seed: str, places: Places) -> None:
    copy = places.new("copy")

    assert invoked("backup", seed, copy) == f"{copy}: copied from {seed}\n"
    assert invoked("rebuild", copy) == f"{copy}: rebuilt from 41 events\n"
    assert invoked("export", copy) == invoked("export", seed)
    head = lines_of(invoked("export", seed))[-1]
    assert invoked("verify", copy) == (
        f"{copy}: verified 41 events and 11 claims up to position 41, "
        f"hash {head['hash']}\n"
    )


# --- answers for people ---------------------------------------------------------------


def test_known_names_its_basis_and_shows_a_table(seed: str) -> None:
    shown = invoked("known", seed, *DAY).splitlines()

    assert shown[:2] == [
        "On 2024-10-22 (known until 2024-10-22 23:59:59.999999Z), as recorded by "
        "position 41 (2024-10-23 09:00:00Z)",
        "11 claims: 1 disputed, 5 asserted, 5 floated",
    ]
    rows = [re.split(r" {2,}", line) for line in shown[3:]]
    assert rows[0] == [
        *("STATUS", "CLAIM", "FOR", "AGAINST", "CANNOT CONFIRM", "RETRACTED"),
        *("INDEPENDENT", "SINCE", "FLAGS", "TEXT"),
    ]
    assert len(rows) == 1 + 11
    assert [
        *("disputed", "troops-deployed", "south-korea", "russia", "austin, rutte"),
        *("-", "0", "end of 2024-10-21", "-"),
        "North Korean troops are deployed to fight against Ukraine.",
    ] in rows


def test_what_is_possibly_known_is_told_with_its_source_and_date(seed: str) -> None:
    shown = invoked("known", seed, "--on", "2024-10-19").splitlines()

    assert shown[1:] == [
        "No claim was reported.",
        "",
        "Possibly public by then; counted for nothing until the latest date:",
        "  2024-10 to 2024-10-22   weapons-to-ukraine: Yonhap News Agency: asserts it, "
        "hedged (the article does not date the report)",
        "  2024-10 to 2024-10-22   experts-to-monitor: Yonhap News Agency: asserts it, "
        "hedged (the article does not name who discusses it)",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("known", "--on", "2020-01-01"), "No claim was reported."),
        (("known", *DAY, "--status", "refuted"), "None of them has a status asked"),
        (("known", *DAY, "--recorded-by", "2024-10-22"), "position 0, before the led"),
        (("timeline", TROOPS, "--recorded-by", "20"), "Nothing was ever said about it"),
        (
            ("changes", "--from", "2024-10-01", "--to", "2024-10-02"),
            "No claim differs between the two points.",
        ),
        (("explain", TROOPS, "--on", "2024-10-19"), "Nobody stands anywhere on it."),
        (("positions", "nato", *DAY), "It held nothing on any claim."),
        (("expectations", "--on", "2024-10-21"), "No update was promised."),
    ],
)
def test_an_empty_answer_says_so(
    seed: str, words: tuple[str, ...], sentence: str
) -> None:
    name, *rest = words

    assert sentence in invoked(name, seed, *rest)


def test_a_policy_that_is_not_the_default_is_named(seed: str) -> None:
    shown = invoked("known", seed, *DAY, *IGNORING)

    assert (
        'under the policy {"confirmations":1,"independent":false,"implicit":"ignore"}\n'
        in shown
    )
    assert "under the policy" not in invoked("known", seed, *DAY)


def test_an_instant_is_shown_as_one_and_the_end_of_a_day_as_that(
    target: str,
) -> None:
    with dateline.open(target, timezone="Europe/Kyiv") as opened:
        opened.record(
            dateline.SourceRegistered(source="s", name="S"),
            dateline.ClaimFramed(claim="c", text="It is so."),
            *(
                dateline.ClaimAsserted(
                    claim="c", source="s", said_at=moment, note=moment
                )
                for moment in ("2024-10-20T09:30:00Z", "2024-10-21")
            ),
            dateline.ClaimDenied(claim="c", source="s", said_at="2024-10-22T23:59:59Z"),
        )

    rows = invoked("timeline", target, "c").splitlines()[4:]
    assert [re.split(r" {2,}", row)[:2] for row in rows] == [
        ["2024-10-20 09:30:00Z", "end of 2024-10-21"],
        ["end of 2024-10-21", "2024-10-22 23:59:59Z"],
        ["2024-10-22 23:59:59Z", "still"],
    ]


def test_a_claim_is_shown_in_the_wording_of_the_point_asked_for(ledger: str) -> None:
    with dateline.open(ledger, create=False) as opened:
        opened.record(
            dateline.ClaimAsserted(claim="troops", source="seoul", said_at="2024")
        )
        opened.record(dateline.ClaimReworded(claim="troops", text="They arrived."))
        opened.record(
            dateline.SourceCorrected(source="seoul", reason="typo", name="Séoul")
        )
    words = ("positions", ledger, "seoul", "--on", "2025-01-01")

    assert "Troops came." in (before := invoked(*words, "--recorded-by", "5"))
    assert "Seoul (seoul)" in before
    assert "They arrived." in (after := invoked(*words))
    assert "Séoul (seoul)" in after


def test_claim_shows_what_is_known_of_it(seed: str) -> None:
    shown = invoked("claim", seed, KURSK, *DAY)

    assert "floated  The first North Korean soldiers are sent to Kursk Oblast.\n" in (
        shown
    )
    assert "  about           2024-10-23 to open\n" in shown
    assert "  for             budanov\n" in shown
    assert "  since           end of 2024-10-22\n" in shown


def test_timeline_shows_a_row_for_each_span(seed: str) -> None:
    rows = [
        re.split(r" {2,}", line)
        for line in invoked("timeline", seed, TROOPS).splitlines()[4:]
    ]

    assert [row[:3] for row in rows] == [
        ["end of 2024-10-20", "end of 2024-10-21", "raised"],
        ["end of 2024-10-21", "end of 2024-10-22", "disputed"],
        ["end of 2024-10-22", "still", "disputed"],
    ]


def test_changes_show_before_and_after_and_the_events_behind(seed: str) -> None:
    shown = invoked("changes", seed, "--from", "2024-10-20", "--to", "2024-10-22")

    troops = next(part for part in shown.split("\n\n") if TROOPS in part)
    assert troops.splitlines() == [
        "raised -> disputed  North Korean troops are deployed to fight against "
        "Ukraine.",
        "  claim           troops-deployed",
        "  for             none -> south-korea",
        "  against         none -> russia",
        "  cannot confirm  austin -> austin, rutte",
        "  because         2024-10-21  South Korea: asserts it, implicitly (demanding "
        "a withdrawal presupposes a presence)",
        "  because         2024-10-21  Russia: denies it, implicitly (did not agree "
        "with Seoul's arguments)",
        "  because         2024-10-22  Mark Rutte, NATO Secretary General: cannot "
        'confirm it: "So at this moment, I cannot confirm it."',
    ]


def test_changes_tell_what_we_did_when_no_statement_is_behind(ledger: str) -> None:
    with dateline.open(ledger, create=False) as opened:
        said = opened.record(
            dateline.ClaimConfirmed(
                claim="troops", source="seoul", said_at="2024-10-20", via=("seoul",)
            )
        )
        opened.record(
            dateline.RecordVoided(event=said.events[0].id, reason="wrong claim")
        )
        opened.record(dateline.ClaimUnfiled(claim="troops", topic="dprk"))
        opened.record(
            dateline.ClaimRefuted(claim="troops", source="seoul", said_at="2024-10-20")
        )
        opened.record(dateline.ClaimFiled(claim="troops", topic="dprk"))
    day = "2024-10-20"

    def because(before: int, after: int) -> str:
        words = ("changes", ledger, "--from", day, "--to", day, "--topic", "dprk")
        points = ("--from-recorded-by", before, "--to-recorded-by", after)
        return flowing(invoked(*words, *points))

    assert (
        "because 2024-10-20 Seoul: confirms it, of its own knowledge, via Seoul"
        in because(4, 5)
    )
    assert (
        "our record: it is void that Seoul: confirms it, of its own knowledge, via "
        "Seoul (wrong claim), recorded" in because(5, 6)
    )
    assert "our record: filed under dprk, recorded" in because(8, 9)


def test_changes_name_the_links_and_filings_behind_them(ledger: str) -> None:
    day = "2024-10-20"
    with dateline.open(ledger, create=False) as opened:
        opened.record(
            dateline.ClaimFramed(claim="none", text="None came."),
            dateline.ClaimAsserted(claim="troops", source="seoul", said_at=day),
            dateline.ClaimAsserted(claim="none", source="seoul", said_at=day),
        )
        link = {"claim": "troops", "other": "none", "relation": "contradicts"}
        for kind in ("ClaimsLinked", "ClaimsUnlinked"):
            opened.record(dateline.parse_event({"type": kind, **link}))
        opened.record(dateline.ClaimUnfiled(claim="troops", topic="dprk"))
        head = opened.position

    def because(before: int, *words: str) -> str:
        days = ("--from", day, "--to", day)
        points = ("--from-recorded-by", before, "--to-recorded-by", before + 1)
        return flowing(invoked("changes", ledger, *days, *points, *words))

    linked, unlinked, unfiled = head - 2, head - 1, head
    assert "flags none -> contradicted because" in because(linked - 1)
    assert "our record: troops contradicts none, rec" in because(linked - 1)
    assert "our record: no more: troops contradicts none, rec" in because(unlinked - 1)
    assert "our record: taken from dprk, recorded" in because(
        unfiled - 1, "--topic", "dprk"
    )


def test_a_basis_is_told_by_the_source_it_leads_to(ledger: str) -> None:
    with dateline.open(ledger, create=False) as opened:
        opened.record(
            dateline.SourceRegistered(source="paper", name="The Paper"),
            dateline.ClaimAsserted(
                id="told", claim="troops", source="seoul", said_at="2024-10-20"
            ),
            dateline.ClaimAsserted(
                claim="troops", source="paper", said_at="2024-10-21", basis=("told",)
            ),
        )

    shown = invoked("changes", ledger, "--from", "2024-10-20", "--to", "2024-10-21")

    assert "2024-10-21  The Paper: asserts it, on the word of Seoul\n" in shown


def test_explain_shows_standings_origins_and_the_line_that_decided(
    seed: str,
) -> None:
    shown = invoked("explain", seed, "experts-brief-nato", *DAY)

    assert "decided by      asserted: for only, at least one of them plain" in shown
    assert "counts          confirmations 0, refutations 0, independent 1" in shown
    assert re.split(r" {2,}", shown.splitlines()[-1]) == [
        *("rutte", "asserted", "for", "end of 2024-10-22", "south-korea"),
        *("south-korea", "-", "-"),
    ]


def test_positions_show_what_a_source_held(seed: str) -> None:
    shown = invoked("positions", seed, "rutte", *DAY)

    assert "Mark Rutte, NATO Secretary General (rutte)" in shown
    assert [line.split()[:2] for line in shown.splitlines()[4:]] == [
        ["asserted", "experts-brief-nato"],
        ["asserted", "rutte-yoon-call"],
        ["asserted", "(conditional)"],
        ["cannot", "confirm"],
    ]


def test_expectations_show_state_and_due_date(seed: str) -> None:
    shown = invoked("expectations", seed, *DAY)

    assert re.split(r" {2,}", shown.splitlines()[-1]) == [
        *("open", "2024-10-28 to 2024-10-29", "south-korean-update", "rutte"),
        *("south-korea", "troops-deployed", "-"),
        "Other than that we will get the latest update from South Korea earlier next "
        "week",
    ]


# --- terminals and pipes --------------------------------------------------------------

QUESTIONS = [
    ("known", *DAY),
    ("known", "--on", "2024-10-19"),
    ("claim", TROOPS, *DAY),
    ("timeline", TROOPS),
    ("changes", "--from", "2024-10-20", "--to", "2024-10-22"),
    ("explain", TROOPS, *DAY),
    ("positions", "rutte", *DAY),
    ("expectations", *DAY),
    ("events",),
]


@on_sqlite_alone
@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", QUESTIONS)
def test_a_terminal_shows_colours_and_loses_no_word(
    seed: str, words: tuple[str, ...], columns: int
) -> None:
    name, *rest = words

    shown = on_terminal(name, seed, *rest, columns=columns)

    assert ESCAPE in shown
    assert all(len(line) <= columns for line in unstyled(shown).splitlines())
    words_of_cells = re.findall(r"\w*[a-z0-9]\w*", invoked(name, seed, *rest))
    squeezed = re.sub(r"\W", "", unstyled(shown))
    assert [word for word in words_of_cells if word not in squeezed] == []


@on_sqlite_alone
@pytest.mark.slow
def test_a_status_on_a_terminal_is_a_glyph_a_word_and_a_colour(seed: str) -> None:
    assert "\x1b[1;35m≠ disputed\x1b[0m" in on_terminal("known", seed, *DAY)


@on_sqlite_alone
@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (80, "status, claim, who"),
        (120, "status, claim, for, against, cannot confirm, independent, since"),
    ],
)
def test_a_terminal_leaves_out_columns_in_which_there_is_nothing(
    seed: str, columns: int, headings: str
) -> None:
    shown = unstyled(on_terminal("known", seed, *DAY, columns=columns)).splitlines()

    (head,) = [line for line in shown if line.startswith(" status")]
    assert re.split(r" {2,}", head.strip()) == headings.split(", ")


@on_sqlite_alone
@pytest.mark.slow
def test_no_color_leaves_glyph_and_word(seed: str) -> None:
    shown = on_terminal("known", seed, *DAY, NO_COLOR="1")

    assert "≠ disputed" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown)


@on_sqlite_alone
@pytest.mark.slow
def test_a_terminal_without_unicode_gets_words(seed: str) -> None:
    shown = on_terminal("known", seed, *DAY, PYTHONUTF8="0", PYTHONIOENCODING="ascii")

    assert shown.isascii()
    assert "disputed" in shown


@on_sqlite_alone
@pytest.mark.parametrize("words", QUESTIONS)
def test_piped_answers_have_no_escapes_and_no_cut_lines(
    seed: str, words: tuple[str, ...]
) -> None:
    name, *rest = words

    shown = run(name, seed, *rest, env=environment(COLUMNS="20"))

    assert (shown.returncode, shown.stderr) == (0, "")
    assert ESCAPE not in shown.stdout and "…" not in shown.stdout
    assert shown.stdout == invoked(name, seed, *rest)


HOSTILE = "a\x1b[31m\x1b]0;b\x07\x9b2J\u202ec\nd\te [bold]f[/bold] :smile: \x7f\u2066g"
SHOWN = "a␛[31m␛]0;b␇�2J�c d e [bold]f[/bold] :smile: ␡�g"


@pytest.fixture
def hostile(target: str) -> str:
    """A ledger whose every text tries to drive a terminal."""
    with dateline.open(target, title=HOSTILE) as opened:
        opened.record(
            dateline.TopicOpened(topic="t", title=HOSTILE, description=HOSTILE),
            dateline.SourceRegistered(source="s", name=HOSTILE),
            dateline.ClaimFramed(claim="c", text=HOSTILE, topics=("t",)),
            dateline.ClaimAsserted(
                claim="c", source="s", said_at="2024-10-20", quote=HOSTILE
            ),
            dateline.ClaimDenied(
                claim="c", source="s", said_at="2024-10-20/2024-10-22", note=HOSTILE
            ),
            dateline.UpdateExpected(
                expectation="e",
                claims=("c",),
                source="s",
                said_at="2024-10-20",
                due="2024-10-23",
                quote=HOSTILE,
            ),
        )
    return target


HOSTILE_QUESTIONS = [
    ("known", "--on", "2024-10-21"),
    ("claim", "c", "--on", "2024-10-21"),
    ("changes", "--from", "2024-10-19", "--to", "2024-10-22"),
    ("explain", "c", "--on", "2024-10-21"),
    ("positions", "s", "--on", "2024-10-21"),
    ("expectations", "--on", "2024-10-21"),
]


@on_sqlite_alone
@pytest.mark.slow
@pytest.mark.parametrize("words", [*HOSTILE_QUESTIONS, ("events",)])
def test_a_text_cannot_drive_the_terminal(hostile: str, words: tuple[str, ...]) -> None:
    name, *rest = words

    shown = on_terminal(name, hostile, *rest, columns=200)

    styles = re.compile(r"\x1b\[[0-9;]*m")
    text = styles.sub("", shown)
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text
    )
    assert "[bold]f[/bold] :smile:" in flowing(text)


@on_sqlite_alone
@pytest.mark.parametrize("words", HOSTILE_QUESTIONS)
def test_a_hostile_text_is_shown_with_its_controls_made_visible(
    hostile: str, words: tuple[str, ...]
) -> None:
    name, *rest = words

    shown = invoked(name, hostile, *rest)

    assert SHOWN in shown
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown
    )


@on_sqlite_alone
@pytest.mark.slow
def test_json_on_a_terminal_escapes_what_could_drive_it(hostile: str) -> None:
    words = ("known", hostile, "--on", "2024-10-21", "--json")

    shown = on_terminal(*words)

    assert re.sub(r"[\n -~]", "", shown) == ""
    assert json.loads(shown) == json.loads(invoked(*words))


@on_sqlite_alone
@pytest.mark.slow
def test_long_work_shows_its_progress_on_a_terminal_only(
    seed: str, tmp_path: Path
) -> None:
    target = tmp_path / "out.jsonl"

    shown = on_terminal("export", seed, "--output", target)

    assert "100%" in unstyled(shown)
    assert run("export", seed, "--output", tmp_path / "other.jsonl").stderr == ""


# --- how a command ends ---------------------------------------------------------------


def test_help_names_every_command() -> None:
    shown = run("--help")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z]+) ", shown.stdout, re.MULTILINE))
    assert "completion" not in shown.stdout
    assert run().stdout == shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help(name: str) -> None:
    shown = invoked(name, "--help")

    assert shown.startswith("Usage: dateline")
    assert ESCAPE not in shown


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"dateline {dateline.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        *QUESTIONS,
        *(("export",), ("rebuild",), ("verify",)),
        *(("backup", "copy.dateline"), ("copy", "copy.dateline")),
        ("events", "--follow"),
        ("export", "--output", "out.jsonl"),
    ],
)
def test_only_init_and_import_create_a_ledger(
    places: Places,
    tmp_path: Path,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *rest = words
    none = places.new("none")

    result = invoke(name, none, *rest)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"dateline: ledger_not_found: there is no ledger at {none!r}; make one with "
        "init\n"
    )
    assert (places.names(), list(tmp_path.iterdir())) == ([], [])


@pytest.fixture(scope="module")
def long_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose export is longer than a pipe holds."""
    path = tmp_path_factory.mktemp("long") / "long.dateline"
    with dateline.open(path) as opened:
        opened.record(
            *(
                dateline.ClaimFramed(claim=f"c{i}", text="It is so. " * 100)
                for i in range(500)
            )
        )
    return path


@pytest.mark.slow
@pytest.mark.parametrize("words", [("export",), ("events",), ("events", "--json")])
def test_a_reader_that_goes_away_is_no_trouble(
    long_ledger: str, words: tuple[str, ...]
) -> None:
    name, *rest = words
    process = subprocess.Popen(
        command(name, long_ledger, *rest),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    assert process.wait(PATIENCE_SECONDS) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


FULL = Path("/dev/full")


@on_sqlite_alone
@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [*QUESTIONS, ("known", *DAY, "--json"), ("export",)])
def test_a_full_disk_under_standard_output_is_a_fault(
    seed: str, words: tuple[str, ...]
) -> None:
    name, *rest = words
    with FULL.open("w") as full:
        result = run(name, seed, *rest, stdout=full)

    assert result.returncode == 1
    assert result.stderr == (
        "dateline: disk_full: standard output: No space left on device\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("demo",)])
def test_a_full_disk_is_a_fault_whatever_is_printed(words: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        result = run(*words, stdout=full)

    assert result.returncode == 1
    assert result.stderr.startswith("dateline: disk_full: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_closed_standard_output_stops_a_command_before_it_begins(
    tmp_path: Path,
) -> None:
    path = tmp_path / "war.dateline"
    script = f'exec "$@" "{path}" >&-'
    result = subprocess.run(
        ["sh", "-c", script, "sh", *command("init")],
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        timeout=PATIENCE_SECONDS,
    )

    assert result.returncode == 1
    assert result.stderr == (
        "dateline: output_failed: standard output is closed; open it\n"
    )
    assert not path.exists()


@on_sqlite_alone
@pytest.mark.slow
@pytest.mark.parametrize("ends", ["2>&-", "2>/dev/full"])
def test_a_lost_standard_error_changes_no_exit_status(seed: str, ends: str) -> None:
    words = command("claim", seed, "nothing", *DAY)
    result = subprocess.run(
        ["sh", "-c", f'exec "$@" {ends}', "sh", *words],
        stdout=subprocess.PIPE,
        env=environment(),
        timeout=PATIENCE_SECONDS,
    )

    assert (result.returncode, result.stdout) == (2, b"")


@pytest.fixture
def waiting(places: Places) -> Iterator[subprocess.Popen[str]]:
    """An import that has read some lines and waits for more."""
    process = subprocess.Popen(
        command("import", places.new(), "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(TOPIC) + "\n")
    process.stdin.flush()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not places.names() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_an_interrupted_import_leaves_nothing(
    waiting: subprocess.Popen[str], places: Places
) -> None:
    waiting.send_signal(signal.SIGINT)
    output, complaints = waiting.communicate(timeout=PATIENCE_SECONDS)

    assert (waiting.returncode, output) == (130, "")
    assert complaints == "dateline: interrupted: stopped before the end\n"
    assert places.names() == []
