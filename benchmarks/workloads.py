"""Ledgers as news desks fill them: three years, a few sources a claim, some news late.

Everything follows from a seed. A workload is JSONL, written once a run and imported
with the moments of recording that its lines give.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import orjson

import dateline
from benchmarks.servers import Postgres
from dateline.domain.events import AnyEvent, parse_event
from dateline.jsonl import import_file

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "Europe/Kyiv"
LATE = 0.05
CLAIMS_OF_A_TOPIC = 200
SOURCES = 30

_WORDS = (
    "brigade bridge border briefing column command confirmed convoy crossing depot "
    "deployed drone evidence exercise footage forces front grain harbour imagery "
    "intelligence launch minister missile mobilised northern observed officials "
    "personnel pipeline port quoted rail reported region sanctions satellite ship "
    "soldiers spokesman strike supply talks tanker training troops unit village"
).split()
_TYPES = {
    "ClaimAsserted": 50,
    "ClaimDenied": 15,
    "ClaimConfirmed": 12,
    "ClaimRefuted": 4,
    "ConfirmationWithheld": 10,
    "StatementRetracted": 4,
    "ClaimReworded": 1,
    "ClaimAssessed": 2,
    "RecordVoided": 2,
}
_STRENGTHS = {"plain": 62, "hedged": 25, "conditional": 10, "implicit": 3}

Line = dict[str, Any]


class Shape(NamedTuple):
    """How many topics of 200 claims, and how much is said of each claim."""

    topics: int
    events_of_a_claim: int
    sources_of_a_claim: int = 6
    claims: int = CLAIMS_OF_A_TOPIC

    @property
    def events(self) -> int:
        """How many events, but for the few that open the ledger and its topics."""
        return self.topics * self.claims * self.events_of_a_claim

    @property
    def name(self) -> str:
        return "-".join(str(number) for number in self)


def clock() -> datetime:
    """Return the present of every measured ledger: just after its last news."""
    return END + timedelta(days=1)


def topic_of(number: int) -> str:
    return f"topic-{number:03}"


def claim_of(topic: int, number: int) -> str:
    return f"claim-{topic:03}-{number:03}"


def source_of(number: int) -> str:
    return f"source-{number:02}"


# --- lines ------------------------------------------------------------------------


def lines(shape: Shape, *, seed: int = 1) -> Iterator[Line]:
    """Yield a ledger's events in the order of recording, with ``recorded_at``."""
    return _Desk(shape, random.Random(seed)).lines()


class _Desk:
    """One news desk at work: what it has said of each claim so far."""

    def __init__(self, shape: Shape, chance: random.Random) -> None:
        self._shape = shape
        self._random = chance
        self._speakers: dict[str, list[str]] = {}
        self._cited: dict[str, str] = {}

    def lines(self) -> Iterator[Line]:
        first = BEGIN - timedelta(days=1)
        yield {"type": "LedgerOpened", "title": "Benchmark", "timezone": ZONE} | at(
            first
        )
        for line in self._openings():
            yield line | at(first)
        claims = list(self._speakers)
        said = self._shape.events - len(claims)
        moment = BEGIN
        for number in range(said):
            if self._random.random() < 0.25:
                moment = max(moment, BEGIN + (END - BEGIN) * (number / said))
            # Each claim is spoken of once before any is for the second time.
            claim = (
                claims[number % len(claims)]
                if number < len(claims)
                else self._random.choice(claims)
            )
            yield self._news(claim, moment, number) | at(moment)

    def _openings(self) -> Iterator[Line]:
        for number in range(SOURCES):
            line: Line = {"type": "SourceRegistered", "source": source_of(number)}
            line["name"] = self._text(2, 4)
            if number >= 10 and number % 3 == 0:
                line["principal"] = source_of(number % 10)
            yield line
        for number in range(self._shape.topics):
            yield {
                "type": "TopicOpened",
                "topic": topic_of(number),
                "title": self._text(2, 4),
            }
        claims = [
            (topic_of(topic), claim_of(topic, number))
            for topic in range(self._shape.topics)
            for number in range(self._shape.claims)
        ]
        self._random.shuffle(claims)
        for topic, claim in claims:
            spoken = self._random.sample(range(SOURCES), self._shape.sources_of_a_claim)
            self._speakers[claim] = [source_of(number) for number in spoken]
            yield {
                "type": "ClaimFramed",
                "claim": claim,
                "text": self._text(8, 16),
                "topics": [topic],
                "about": "2024",
            }

    def _news(self, claim: str, moment: datetime, number: int) -> Line:
        kind = _pick(self._random, _TYPES)
        if kind == "ClaimReworded":
            return {"type": kind, "claim": claim, "text": self._text(8, 16)}
        if kind == "ClaimAssessed":
            day = f"{moment:%Y-%m-%d}"
            line = {"type": kind, "claim": claim, "assessor": "desk"}
            return line | {"assessed_at": day, "credibility": number % 6 + 1}
        if kind == "RecordVoided":
            cited = self._cited.pop(claim, None)
            if cited is not None:
                return {"type": kind, "event": cited, "reason": "Recorded twice."}
            kind = "ClaimAsserted"
        return self._statement(kind, claim, moment, number)

    def _statement(self, kind: str, claim: str, moment: datetime, number: int) -> Line:
        chance = self._random
        source = chance.choice(self._speakers[claim])
        line = {"type": kind, "claim": claim, "source": source}
        line["said_at"] = self._said_at(moment)
        if kind in ("ClaimAsserted", "ClaimDenied", "ConfirmationWithheld"):
            line["strength"] = _pick(chance, _STRENGTHS)
        if kind != "StatementRetracted":
            self._add_basis(line, claim)
        if chance.random() < 0.4:
            line["quote"] = self._text(8, 40)
        if chance.random() < 0.3:
            line["url"] = f"https://news.example/{moment:%Y/%m/%d}/{number}"
        if chance.random() < 0.3:
            line["id"] = self._cited[claim] = f"statement-{number:07}"
        return line

    def _add_basis(self, line: Line, claim: str) -> None:
        share = self._random.random()
        if share < 0.3:
            line["basis"] = "own"
        elif share < 0.45:
            line["basis"] = [self._random.choice(self._speakers[claim])]
        elif share < 0.55 and claim in self._cited:
            line["basis"] = [self._cited[claim]]

    def _said_at(self, moment: datetime) -> str:
        """Date what is said: mostly of today; late news is up to 300 days old."""
        chance = self._random
        said = moment - timedelta(hours=chance.expovariate(0.5))
        if chance.random() < LATE:
            said = moment - timedelta(days=chance.uniform(10, 300))
        share = chance.random()
        if share < 0.02:
            return f"{said:%Y-%m}"
        if share < 0.03:
            return f"{said - timedelta(days=3):%Y-%m-%d}/{said:%Y-%m-%d}"
        if share < 0.5:
            return f"{said:%Y-%m-%d}"
        return f"{said:%Y-%m-%dT%H:%M:%SZ}"

    def _text(self, least: int, most: int) -> str:
        words = self._random.choices(_WORDS, k=self._random.randint(least, most))
        return " ".join(words).capitalize() + "."


def at(moment: datetime) -> Line:
    """Name the moment of recording as exports do."""
    return {"recorded_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}


def _pick(chance: random.Random, weights: dict[str, int]) -> str:
    limits = accumulate(weights.values())
    drawn = chance.random() * sum(weights.values())
    return next(
        word for word, limit in zip(weights, limits, strict=True) if drawn < limit
    )


def events(shape: Shape, *, seed: int = 1) -> Iterator[AnyEvent]:
    """Yield a ledger's events as typed values, without the opening."""
    for line in lines(shape, seed=seed):
        if line["type"] != "LedgerOpened":
            del line["recorded_at"]
            yield parse_event(line)


# --- files ------------------------------------------------------------------------


class Ledgers:
    """The ledgers and files of one run, made when they are first asked for."""

    def __init__(self, directory: Path, postgres: Postgres | None = None) -> None:
        self.directory = directory
        self.postgres = postgres
        self._copied: set[Shape] = set()

    def places(self, name: str) -> dict[str, str]:
        """Return where a new ledger may be made on each store that there is."""
        places = {"SQLite": str(self.directory / f"{name}.dateline")}
        if self.postgres is not None:
            places["PostgreSQL"] = self.postgres.target(name)
        return places

    def jsonl(self, shape: Shape) -> Path:
        """Return a file with a workload's lines."""
        path = self.directory / f"{shape.name}.jsonl"
        if not path.exists():
            with path.open("wb") as file:
                for line in lines(shape):
                    file.write(orjson.dumps(line) + b"\n")
        return path

    def ledger(self, shape: Shape) -> Path:
        """Return a ledger filled with a workload over three years of record time."""
        path = self.directory / f"{shape.name}.dateline"
        if not path.exists():
            with self.jsonl(shape).open("rb") as file:
                import_file(
                    str(path), file, name=path.stem, keep_recorded_at=True, clock=clock
                )
        return path

    def on_postgres(self, shape: Shape) -> str:
        """Return the name of a schema with the same ledger, events and all."""
        assert self.postgres is not None
        if shape not in self._copied:
            with dateline.open(self.ledger(shape), clock=clock) as ledger:
                ledger.backup(self.postgres.target(shape.name))
            self._copied.add(shape)
        return shape.name
