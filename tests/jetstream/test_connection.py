"""Where NATS is, and who is let in; nothing that is printed lets anybody else in."""

import re
from pathlib import Path

import pytest

from dateline import Ledger
from dateline.domain.errors import FeedUnavailable, InvalidFeed
from dateline.projections.jetstream.connection import Address
from tests.builders import framed
from tests.faults.children import Child
from tests.jetstream.credentials import Operated, certificates
from tests.jetstream.followers import following
from tests.jetstream.relays import relay_for_ever, relay_once
from tests.jetstream.servers import server
from tests.jetstream.streams import stream_name
from tests.test_docs import ON_NATS


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nats://host", Address("nats", ("host",))),
        ("nats://host:4222/", Address("nats", ("host:4222",))),
        ("nats://a,b:1,[::1]:2", Address("nats", ("a", "b:1", "[::1]:2"))),
        ("nats://me:a%2Fb%40@h", Address("nats", ("h",), "me", "a/b@")),
        ("nats://token@h", Address("nats", ("h",), "token")),
        ("tls://h?ca=/x/ca", Address("tls", ("h",), ca="/x/ca")),
        ("nats://h?credentials=u", Address("nats", ("h",), credentials="u")),
        ("tls://h?cert=c&key=k", Address("tls", ("h",), cert="c", key="k")),
    ],
)
def test_a_url_says_where_nats_is(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "http://secret@host",
        "nats://",
        "nats://secret@",
        "nats://,",
        "nats://me:secret@host/path",
        "nats://me:secret/@host?x=1",
        "nats://me:secret@host?password=secret",
        "nats://me:secret@host?cert=c",
    ],
)
def test_what_is_no_url_of_nats_is_refused_without_a_secret(url: str) -> None:
    with pytest.raises(InvalidFeed) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)


def test_what_is_printed_lets_nobody_in() -> None:
    address = Address.parse("nats://me:secret@a,b?credentials=/secret/file")

    assert address.printed == "nats://a,b"
    assert "secret" not in repr(address)


def test_a_user_is_let_in_by_a_file_of_credentials(
    ledger: Ledger, tmp_path: Path
) -> None:
    operated = Operated(tmp_path)
    with server(tmp_path, operated.settings) as nats:
        relay_once(ledger, f"{nats.url}?credentials={operated.credentials}")
        with pytest.raises(InvalidFeed, match="does not let us in"):
            relay_once(ledger, nats.url)
        with pytest.raises(InvalidFeed, match="No such file"):
            relay_once(ledger, f"{nats.url}?credentials={tmp_path}/nothing")


def test_a_token_lets_in(ledger: Ledger, tmp_path: Path) -> None:
    with server(tmp_path, "authorization { token: sesame }") as nats:
        place = nats.url.removeprefix("nats://")
        relay_once(ledger, f"nats://sesame@{place}")
        with pytest.raises(InvalidFeed, match="does not let us in"):
            relay_once(ledger, f"nats://mustard@{place}")


def test_tls_is_spoken_with_whom_the_authority_names(
    ledger: Ledger, tmp_path: Path
) -> None:
    ca, cert, key = certificates(tmp_path)
    files = f'cert_file: "{cert}", key_file: "{key}", ca_file: "{ca}"'
    with server(tmp_path, f"tls {{ {files}, verify: true }}") as nats:
        place = nats.url.removeprefix("nats://")
        relay_once(ledger, f"tls://{place}?ca={ca}&cert={cert}&key={key}")
        with pytest.raises(FeedUnavailable, match="certificate"):
            relay_once(ledger, f"tls://{place}")
        with pytest.raises(InvalidFeed, match="No such file"):
            relay_once(ledger, f"tls://{place}?ca={tmp_path}/nothing")


def test_a_server_without_tls_is_not_spoken_to_if_it_was_asked_for(
    ledger: Ledger, tmp_path: Path
) -> None:
    with server(tmp_path) as nats:
        with pytest.raises(InvalidFeed, match="does not speak TLS"):
            relay_once(ledger, nats.url.replace("nats://", "tls://"))


def test_the_permissions_of_the_page_are_enough(ledger: Ledger, tmp_path: Path) -> None:
    page = ON_NATS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (relay|server) \| (`.+`) \|$", page, re.MULTILINE)
    users = "\n".join(
        f"{{ user: {user}, password: x, permissions: {{ subscribe: ['_INBOX.>'], "
        f"publish: [{allowed.replace('`', chr(39))}] }} }}"
        for user, allowed in rows
    )
    users = users.replace("STREAM'", f"{stream_name(ledger)}'")
    users = users.replace("STREAM.*", f"{stream_name(ledger)}.*")
    users = users.replace("LEDGER", ledger.identity)
    assert len(rows) == 2
    with server(tmp_path, f"authorization {{ users: [\n{users}\n] }}") as nats:
        place = nats.url.removeprefix("nats://")
        relay = f"nats://relay:x@{place}"
        relay_once(ledger, relay)
        with (
            Child(relay_for_ever, ledger.target, relay),
            following(ledger, f"nats://server:x@{place}") as follower,
        ):
            follower.until_leading()
            ledger.record(framed())
            follower.until_told(ledger.position)
            assert follower.feed.is_leading
        assert not nats.said("Permissions Violation")
