"""All audits of graphql-http, and the feeds followed by the real clients."""

import json
from pathlib import Path

import pytest

from dateline import Ledger
from dateline.api import keys
from tests.api.node.tools import lines, start
from tests.api.serving import serving
from tests.builders import framed, registered

pytestmark = pytest.mark.slow

AUDITS = 61
CLIENTS = pytest.mark.parametrize("transport", ["ws", "sse"])


def test_all_audits_of_graphql_over_http_are_passed(url: str) -> None:
    audits = [json.loads(line) for line in lines("audits.mjs", f"{url}/graphql")]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == AUDITS


@CLIENTS
def test_a_client_follows_the_feed(ledger: Ledger, url: str, transport: str) -> None:
    ledger.record(registered("seoul"))
    with start("follow.mjs", transport, f"{url}/graphql", "302", "0") as client:
        for number in range(300):
            ledger.record(framed(f"claim-{number}", id=f"e{number}"))
        out, complaints = client.communicate()
    assert (client.returncode, complaints) == (0, "")
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["id"] for one in told] == [event.id for event in ledger.events()]
    assert [one["cursor"] for one in told] == [
        ledger.cursor(one["position"]) for one in told
    ]


@CLIENTS
def test_a_client_loses_nothing_when_the_server_is_restarted(
    ledger: Ledger, transport: str
) -> None:
    """The server stops and another one takes its place on the same port."""
    with serving(ledger) as url:
        port = int(url.rpartition(":")[2])
        client = start("follow.mjs", transport, f"{url}/graphql", "91", "0")
        assert client.stdout is not None
        first = client.stdout.readline()
        told = [json.loads(first)]
        for number in range(30):
            ledger.record(framed(f"a{number}"))
            told.append(json.loads(client.stdout.readline()))
    for number in range(30):
        ledger.record(framed(f"b{number}"))
    with serving(ledger, port=port), client:
        for number in range(30):
            ledger.record(framed(f"c{number}"))
        out, complaints = client.communicate()
    assert client.returncode == 0, complaints
    told += [json.loads(line) for line in out.splitlines()]
    assert [one["id"] for one in told] == [event.id for event in ledger.events()]


@CLIENTS
def test_a_client_brings_its_key(
    ledger: Ledger, tmp_path: Path, transport: str
) -> None:
    path = tmp_path / "keys.json"
    _, token = keys.add(path, "read", "reader")
    with serving(ledger, keys=path) as url:
        given = (transport, f"{url}/graphql", "1", "0", f"Bearer {token}")
        (line,) = lines("follow.mjs", *given)
    assert json.loads(line)["position"] == 1
