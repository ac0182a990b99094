"""Rewrite the golden files from the code: one of each event type, as it is stored.

``make golden`` runs this. A file of an older schema version is left as it is: events
of that version are in ledgers, and stay readable.
"""

import json
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import dateline
from dateline.domain.events import FREE_TEXTS
from dateline.jsonl import import_file

HERE = Path(__file__).parent
CHAIN = HERE / "chain.jsonl"
EVENTS = HERE / "events"

Json = dict[str, Any]

SCRIPT: tuple[Json, ...] = (
    {
        "type": "LedgerOpened",
        "title": "What was known of the troops",
        "timezone": "Europe/Kyiv",
        "recorder": "desk",
    },
    {
        "type": "TopicOpened",
        "topic": "dprk-troops",
        "title": "North Korean troops in the war against Ukraine",
        "description": "Who claimed, confirmed or denied it,\nOctober 2024",
    },
    {
        "type": "SourceRegistered",
        "source": "nato",
        "name": "NATO",
        "kind": "organisation",
        "principal": "nato",
        "country": "Belgium",
        "url": "https://www.nato.int/",
    },
    {
        "type": "SourceCorrected",
        "source": "nato",
        "reason": "Spelt out",
        "name": "North Atlantic Treaty Organization",
        "kind": "organisation",
        "country": "Belgium (Brussels)",
        "url": "https://www.nato.int/cps/en/natohq/index.htm",
    },
    {
        "type": "SourceRated",
        "source": "nato",
        "reliability": "B",
        "rater": "desk",
        "note": "Usually reliable",
    },
    {
        "type": "DocumentCaptured",
        "document": "article",
        "title": "NATO cannot confirm: 북한군 🇰🇵",
        "publisher": "nato",
        "url": "https://example.org/article?id=1&lang=en",
        "published_at": "2024-10-22T11:30:00.250000Z",
        "retrieved_at": "2024-10-22",
        "sha256": sha256(b"article").hexdigest(),
    },
    {
        "type": "DocumentCorrected",
        "document": "article",
        "reason": "It was updated",
        "title": "NATO cannot confirm North Korean troops",
        "publisher": "nato",
        "url": "https://example.org/article?id=2",
        "published_at": "2024-10-22T12:00:00Z",
        "retrieved_at": "2024-10-23",
        "sha256": sha256(b"article, updated").hexdigest(),
    },
    {
        "type": "ClaimFramed",
        "claim": "troops",
        "text": 'Troops are "deployed" to fight\t/ against Ukraine',
        "topics": ["dprk-troops"],
        "about": "2024-10/..",
        "kind": "fact",
        "language": "en-GB",
    },
    {"type": "ClaimFramed", "claim": "no-troops", "text": "No troops are deployed"},
    {
        "type": "ClaimReworded",
        "claim": "troops",
        "text": "North Korean troops are deployed to fight against Ukraine",
        "reason": "Clearer",
    },
    {"type": "ClaimFiled", "claim": "no-troops", "topic": "dprk-troops"},
    {"type": "ClaimUnfiled", "claim": "no-troops", "topic": "dprk-troops"},
    {
        "type": "ClaimsLinked",
        "claim": "troops",
        "other": "no-troops",
        "relation": "contradicts",
    },
    {
        "type": "ClaimsUnlinked",
        "claim": "troops",
        "other": "no-troops",
        "relation": "contradicts",
    },
    {
        "type": "ClaimAsserted",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10-18",
        "strength": "hedged",
        "basis": "unknown",
        "via": ["nato"],
        "document": "article",
        "quote": "They may be there.\r\n\u0007Or not.",
        "url": "https://example.org/asserted",
        "language": "en",
        "note": "On the record",
    },
    {
        "type": "ClaimDenied",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10-19T08:00:00Z",
        "strength": "conditional",
        "basis": "own",
        "via": ["nato"],
        "document": "article",
        "quote": "They are not.",
        "url": "https://example.org/denied",
        "language": "fr",
        "note": "On the record",
    },
    {
        "type": "ClaimConfirmed",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10-20/2024-10-21",
        "strength": "plain",
        "basis": ["nato", "ClaimAsserted"],
        "via": ["nato"],
        "document": "article",
        "quote": "They are.",
        "url": "https://example.org/confirmed",
        "language": "en",
        "note": "On the record",
    },
    {
        "type": "ClaimRefuted",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10",
        "strength": "plain",
        "basis": "own",
        "via": ["nato"],
        "document": "article",
        "quote": "They are not, we looked.",
        "url": "https://example.org/refuted",
        "language": "en",
        "note": "On the record",
    },
    {
        "type": "ConfirmationWithheld",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10-22",
        "strength": "implicit",
        "basis": "unknown",
        "via": ["nato"],
        "document": "article",
        "quote": "I cannot confirm that.",
        "url": "https://example.org/withheld",
        "language": "en",
        "note": "On the record",
    },
    {
        "type": "StatementRetracted",
        "claim": "troops",
        "source": "nato",
        "said_at": "2024-10-22T18:00:00Z",
        "document": "article",
        "quote": "I take that back.",
        "url": "https://example.org/retracted",
        "note": "On the record",
    },
    {"type": "RecordVoided", "event": "ClaimRefuted", "reason": "Misread"},
    {
        "type": "ClaimAssessed",
        "claim": "troops",
        "assessor": "desk",
        "assessed_at": "2024-10-22",
        "credibility": 3,
        "likelihood": "roughly even chance",
        "confidence": "low",
        "note": "Little to go by",
    },
    {
        "type": "UpdateExpected",
        "expectation": "briefing",
        "claims": ["troops"],
        "source": "nato",
        "said_at": "2024-10-22",
        "due": "2024-10-28/2024-10-29",
        "awaits": "nato",
        "quote": "We will know more next week.",
        "document": "article",
    },
    {
        "type": "UpdateReceived",
        "expectation": "briefing",
        "statement": "ConfirmationWithheld",
    },
)


def lines() -> Iterator[Json]:
    """Yield the script with everything in the envelope that is not computed.

    An event's id is its type; the second of a type has a number. Positions have gaps.
    """
    seen: dict[str, int] = {}
    for number, event in enumerate(SCRIPT):
        count = seen[event["type"]] = seen.get(event["type"], 0) + 1
        id = event["type"] if count == 1 else f"{event['type']}-{count}"
        yield {
            **event,
            "id": id,
            "position": 3 * number + 1,
            "recorded_at": f"2024-11-01T09:{number // 2:02}:00.{number % 2:06}Z",
            "salts": {
                name: sha256(f"{id}.{name}".encode()).hexdigest()[:32]
                for name in sorted(FREE_TEXTS & event.keys())
            },
        }


def exported() -> list[bytes]:
    """Return the lines of an export of a ledger that took the script in."""
    file = "\n".join(json.dumps(line) for line in lines()).encode()
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder, "golden.dateline"))
        import_file(target, BytesIO(file), name="golden.jsonl", keep_recorded_at=True)
        with dateline.open(target) as ledger:
            return list(ledger.export())


def golden() -> dict[Path, bytes]:
    """Return the golden files as they should be, by path."""
    chain = exported()
    files = {CHAIN: b"".join(line + b"\n" for line in chain)}
    for line in chain:
        event = json.loads(line)
        path = EVENTS / f"{event['type']}.v{event['schema_version']}.json"
        text = json.dumps(event, ensure_ascii=False, indent=2) + "\n"
        files.setdefault(path, text.encode())
    return files


if __name__ == "__main__":
    EVENTS.mkdir(exist_ok=True)
    for path, content in golden().items():
        path.write_bytes(content)
