"""The relay: every event once, in order, from where the stream ends."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext, api

import dateline
from dateline import Ledger
from dateline.domain.errors import FeedUnavailable, InvalidFeed, LedgerMismatch
from dateline.projections.jetstream.stream import NewStream
from tests.builders import (
    asserted,
    denied,
    filed,
    framed,
    linked,
    opened,
    promised,
    registered,
    unfiled,
    voided,
)
from tests.jetstream.relays import RelayProcess, relay_once, relaying, until_so
from tests.jetstream.servers import NATS, server
from tests.jetstream.streams import (
    asked,
    check,
    published,
    remake,
    state_of,
    stream_name,
)


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NATS]:
    """Run a server for the tests that do not harm it; each has a ledger of its own."""
    with server(tmp_path_factory.mktemp("shared")) as one:
        yield one


def tell(ledger: Ledger) -> None:
    """Record events of many kinds; some topics have dots in their names."""
    ledger.record(
        *(registered("seoul"), registered("moscow")),
        *(opened("war"), opened("war.kursk"), opened("dprk-troops"), opened("a._-b")),
        framed("troops", topics=("war", "war.kursk")),
        framed("absent"),
        asserted("troops", id="first"),
        denied("troops", by="moscow", id="second"),
        filed("troops", "dprk-troops"),
        linked("troops", "absent"),
        asserted("absent", id="third"),
        voided("first"),
        unfiled("troops", "war.kursk"),
        filed("absent", "a._-b"),
        promised(claims=("troops", "absent")),
        asserted("troops", id="last"),
    )


def delete(url: str, ledger: Ledger) -> api.StreamConfig:
    """Delete a ledger's stream; return how it was made."""

    async def ask(jetstream: JetStreamContext) -> api.StreamConfig:
        name = stream_name(ledger)
        config = (await jetstream.stream_info(name)).config
        await jetstream.delete_stream(name)
        return config

    return asked(url, ask)


def purge(url: str, ledger: Ledger) -> None:
    asked(url, lambda jetstream: jetstream.purge_stream(stream_name(ledger)))


# --- what is published --------------------------------------------------------------


def test_every_event_is_published_once_on_each_of_its_subjects(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url)

    check(nats.url, ledger)
    dotted = f"dateline.{ledger.identity}.topics.war%2Ekursk.*"
    found = [one.position for one in published(nats.url, ledger, dotted)]
    assert found == [event.position for event in ledger.events(topic="war.kursk")]
    assert found


def test_the_cursor_of_a_message_goes_on_after_it(ledger: Ledger, nats: NATS) -> None:
    tell(ledger)
    relay_once(ledger, nats.url)

    for one in published(nats.url, ledger, f"dateline.{ledger.identity}.events.*"):
        after = ledger.events(one.headers["Dateline-Cursor"])
        expected = list(range(one.position + 1, ledger.position + 1))
        assert [event.position for event in after] == expected


def test_more_than_a_page_is_published(ledger: Ledger, nats: NATS) -> None:
    tell(ledger)
    ledger.record(*(asserted("troops", id=f"e{number}") for number in range(2_500)))
    relay_once(ledger, nats.url)

    check(nats.url, ledger)


# --- where it goes on ---------------------------------------------------------------


def test_it_goes_on_where_the_stream_ends(ledger: Ledger, nats: NATS) -> None:
    for number in range(5):
        name = f"t{number}"
        ledger.record(opened(name), framed(f"c{number}", topics=(name,)))
        relay_once(ledger, nats.url)
        check(nats.url, ledger)
    before = state_of(nats.url, ledger).last_seq
    relay_once(ledger, nats.url)
    assert state_of(nats.url, ledger).last_seq == before


def test_what_was_cut_off_anywhere_is_completed(ledger: Ledger, nats: NATS) -> None:
    ledger.record(opened("a"), opened("b.b"), framed(topics=("a", "b.b")), framed("c"))
    relay_once(ledger, nats.url)
    whole = published(nats.url, ledger)
    assert len(whole) == 9
    for cut in range(len(whole) + 1):
        remake(nats.url, ledger, whole[:cut])
        relay_once(ledger, nats.url)
        assert [one[0] for one in published(nats.url, ledger)] == [
            one[0] for one in whole
        ]
        check(nats.url, ledger)


def test_a_stream_that_is_gone_is_made_anew(ledger: Ledger, nats: NATS) -> None:
    tell(ledger)
    with relaying(ledger, nats.url) as relay:
        relay.until_logged("level with the log")
        delete(nats.url, ledger)
        ledger.record(asserted("troops", id="more"))
        until_so(lambda: relay.log.count("level with the log") == 2)
        check(nats.url, ledger)


def test_a_new_stream_may_begin_later(ledger: Ledger, nats: NATS) -> None:
    tell(ledger)
    relay_once(ledger, nats.url, NewStream(after=9))
    check(nats.url, ledger, after=9)
    ledger.record(asserted("troops", id="more"))
    relay_once(ledger, nats.url)
    check(nats.url, ledger, after=9)


@pytest.mark.parametrize("after", [0, 9])
def test_a_stream_that_was_purged_is_gone_on_with(
    ledger: Ledger, nats: NATS, after: int
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url, NewStream(after=after))
    whole = state_of(nats.url, ledger).last_seq
    purge(nats.url, ledger)
    relay_once(ledger, nats.url)
    assert state_of(nats.url, ledger).last_seq == whole

    ledger.record(filed("absent", "war"))
    relay_once(ledger, nats.url)
    found = [one.position for one in published(nats.url, ledger)]
    assert found == [ledger.position] * 3  # its own subject, and that of two topics


def test_a_stream_that_was_cut_off_and_purged_is_completed(
    ledger: Ledger, nats: NATS
) -> None:
    ledger.record(opened("a"), opened("b"), framed(topics=("a", "b")), framed("c"))
    relay_once(ledger, nats.url)
    whole = published(nats.url, ledger)
    for cut in range(1, len(whole) + 1):
        remake(nats.url, ledger, whole[:cut])
        purge(nats.url, ledger)
        relay_once(ledger, nats.url)
        found = [(one.subject, one.body) for one in published(nats.url, ledger)]
        assert found == [(one.subject, one.body) for one in whole[cut:]]


def test_a_message_that_was_deleted_by_hand_is_no_end(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url)
    whole = published(nats.url, ledger)
    remake(nats.url, ledger, whole, duplicate_window=0.1)
    last = state_of(nats.url, ledger).last_seq

    async def ask(jetstream: JetStreamContext) -> None:
        await jetstream.delete_msg(stream_name(ledger), last)

    asked(nats.url, ask)
    relay_once(ledger, nats.url)
    check(nats.url, ledger)


def test_what_somebody_else_publishes_is_passed_over(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url)

    async def ask(jetstream: JetStreamContext) -> None:
        for headers in (None, {"Dateline-Position": "7"}):
            await jetstream.publish(
                f"dateline.{ledger.identity}.events.ClaimDenied", b"{}", headers=headers
            )

    asked(nats.url, ask)
    ledger.record(asserted("troops", id="more"))
    relay_once(ledger, nats.url)
    found = published(nats.url, ledger, f"dateline.{ledger.identity}.events.*")
    ours = [one.position for one in found if one.body != b"{}"]
    assert ours == list(range(1, ledger.position + 1))


def test_a_running_relay_is_not_put_off_by_what_somebody_else_publishes(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    with relaying(ledger, nats.url) as relay:
        relay.until_logged("level with the log")

        async def ask(jetstream: JetStreamContext) -> None:
            await jetstream.publish(f"dateline.{ledger.identity}.events.X", b"{}")

        asked(nats.url, ask)
        ledger.record(asserted("troops", id="more"))
        topics = f"dateline.{ledger.identity}.topics.war.ClaimAsserted"
        until_so(lambda: len(published(nats.url, ledger, topics)) == 3)


# --- what it does not go on with ----------------------------------------------------


def test_two_ledgers_share_nothing(ledger: Ledger, nats: NATS, tmp_path: Path) -> None:
    tell(ledger)
    with dateline.open(tmp_path / "other.dateline") as other:
        tell(other)
        relay_once(ledger, nats.url)
        relay_once(other, nats.url)
        check(nats.url, ledger)
        check(nats.url, other)


def test_the_stream_of_another_ledger_is_refused(ledger: Ledger, nats: NATS) -> None:
    relay_once(ledger, nats.url)
    for described in ("", "[]", "{}", '{"dateline":1,"ledger":"x","after":0}'):
        remake(nats.url, ledger, description=described)
        with pytest.raises(LedgerMismatch):
            relay_once(ledger, nats.url)


@pytest.mark.parametrize(
    "other",
    [
        {"retention": "workqueue"},
        {"max_msgs_per_subject": 3},
        {"no_ack": True},
        {"subjects": ["elsewhere"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_stream_that_would_lose_events_is_refused(
    ledger: Ledger, nats: NATS, other: dict[str, Any]
) -> None:
    relay_once(ledger, nats.url)
    remake(nats.url, ledger, **other)
    with pytest.raises(InvalidFeed, match="edit it"):
        relay_once(ledger, nats.url)


def test_a_stream_of_other_limits_is_gone_on_with_as_it_is(
    ledger: Ledger, nats: NATS, caplog: pytest.LogCaptureFixture
) -> None:
    relay_once(ledger, nats.url, NewStream(1, 3_600, 2**20))
    ledger.record(framed())
    relay_once(ledger, nats.url)
    assert "is there already" not in caplog.text
    relay_once(ledger, nats.url, NewStream(None, 7_200))

    assert "--max-age is 3600.0 and not 7200" in caplog.text
    config = delete(nats.url, ledger)
    assert (config.max_age, config.max_bytes, config.num_replicas) == (3_600, 2**20, 1)


def test_a_stream_that_cannot_be_made_so_is_refused(ledger: Ledger, nats: NATS) -> None:
    with pytest.raises(InvalidFeed, match="replicas > 1 not supported"):
        relay_once(ledger, nats.url, NewStream(replicas=3))


def test_a_stream_of_a_lost_future_is_refused(
    ledger: Ledger, nats: NATS, tmp_path: Path
) -> None:
    tell(ledger)
    ledger.backup(tmp_path / "older.dateline")
    ledger.record(asserted("troops", id="lost"), asserted("troops", id="also-lost"))
    relay_once(ledger, nats.url)
    with dateline.open(tmp_path / "older.dateline") as older:
        for number in range(4):  # shorter, of the same length, and longer
            with pytest.raises(LedgerMismatch, match="older backup"):
                relay_once(older, nats.url)
            older.record(asserted("troops", id=f"new-{number}"))


def test_a_copy_of_the_ledger_goes_on(
    ledger: Ledger, nats: NATS, tmp_path: Path
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url)
    ledger.backup(tmp_path / "moved.dateline")
    with dateline.open(tmp_path / "moved.dateline") as moved:
        moved.record(asserted("troops", id="more"))
        relay_once(moved, nats.url)
        check(nats.url, moved)


# --- what it meets ------------------------------------------------------------------


def test_events_with_too_many_facets_for_headers_are_published(
    ledger: Ledger, nats: NATS
) -> None:
    topics = [f"t{number:0>120}" for number in range(300)]
    claims = [framed(f"c{n}", topics=tuple(topics[n : n + 100])) for n in (0, 100, 200)]
    ledger.record(registered("seoul"), *map(opened, topics), *claims)
    ledger.record(promised(claims=("c0", "c100", "c200")), framed("more"))
    relay_once(ledger, nats.url)

    check(nats.url, ledger)
    found = published(nats.url, ledger, f"dateline.{ledger.identity}.events.*")
    assert "Dateline-Topics" in found[-3].headers
    assert "Dateline-Topics" not in found[-2].headers


def test_a_message_that_the_server_is_too_small_for_stops_the_relay(
    ledger: Ledger, tmp_path: Path
) -> None:
    with server(tmp_path, "max_payload: 8KB") as nats:
        ledger.record(framed(), registered("seoul"))
        ledger.record(asserted(quote="x" * 10_000), asserted(id="after"))
        with pytest.raises(InvalidFeed, match="raise its max_payload"):
            relay_once(ledger, nats.url)
        found = [one.position for one in published(nats.url, ledger)]
        assert found == [1, 2, 3]  # and nothing of what comes after

        with relaying(ledger, nats.url) as relay:
            relay.until_logged("max_payload")
            nats.kill()
            nats.set("max_payload: 1MB")
            nats.start()
            relay.until_logged("level with the log")
        check(nats.url, ledger)


def test_a_full_server_stops_the_relay_until_there_is_room(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.record(framed(), registered("seoul"), opened("war"), filed(topic="war"))
    with server(tmp_path, jetstream="max_file_store: 2MB") as nats:
        with relaying(ledger, nats.url) as relay:
            relay.until_logged("level with the log")
            for number in range(6):
                ledger.record(
                    *(
                        asserted(id=f"e{number}-{n}", quote="word " * 400)
                        for n in range(100)
                    )
                )
            relay.until_logged("insufficient")
            assert "ERROR" in relay.log
            time.sleep(1)
            found = published(nats.url, ledger)
            feed = [one.position for one in found if ".events." in one.subject]
            assert feed == list(range(1, len(feed) + 1))
            assert 0 < len(feed) < ledger.position
            with pytest.raises(FeedUnavailable, match="insufficient"):
                relay_once(ledger, nats.url)
            nats.kill()
            nats.set("", "max_file_store: 1GB")
            nats.start()
            until_so(
                lambda: relay.log.count("level with the log") == 2,
                40,
                lambda: relay.log,
            )
        check(nats.url, ledger)


def test_a_stream_of_a_few_bytes_keeps_the_last_events(
    ledger: Ledger, nats: NATS
) -> None:
    ledger.record(framed(), registered("seoul"))
    relay_once(ledger, nats.url, NewStream(max_bytes=2**20))
    for number in range(5):
        quote = "word " * 1_000
        ledger.record(*(asserted(id=f"e{number}-{n}", quote=quote) for n in range(100)))
        relay_once(ledger, nats.url)
    found = [one.position for one in published(nats.url, ledger)]
    assert found == list(range(found[0], ledger.position + 1))
    assert 1 < found[0]


@pytest.mark.slow
def test_a_stream_whose_events_have_all_expired_is_gone_on_with(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    relay_once(ledger, nats.url, NewStream(max_age_seconds=1))
    until_so(lambda: state_of(nats.url, ledger).messages == 0)
    ledger.record(asserted("absent", id="more"))
    relay_once(ledger, nats.url)

    found = [one.position for one in published(nats.url, ledger)]
    assert set(found) == {ledger.position}


# --- as a command -------------------------------------------------------------------


def test_the_command_publishes_and_ends_when_it_is_told_to(
    ledger: Ledger, nats: NATS
) -> None:
    tell(ledger)
    with relaying(ledger, nats.url, "--max-age", "3600") as relay:
        relay.until_logged("level with the log")
        ledger.record(asserted("troops", id="more"))
        topics = f"dateline.{ledger.identity}.events.*"
        until_so(lambda: len(published(nats.url, ledger, topics)) == ledger.position)
        assert relay.stop() == 0
    check(nats.url, ledger)
    assert delete(nats.url, ledger).max_age == 3_600


def test_the_command_is_told_where_nats_is_by_a_variable(
    ledger: Ledger, nats: NATS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATELINE_FEED", nats.url)
    with closing(RelayProcess(ledger.target, "--once")) as relay:
        assert relay.ended() == 0
    check(nats.url, ledger)


def test_the_command_waits_for_nats_and_says_so(ledger: Ledger, tmp_path: Path) -> None:
    tell(ledger)
    with server(tmp_path) as nats:
        nats.kill()
        with relaying(ledger, nats.url) as relay:
            relay.until_logged("ERROR")
            assert "Connect call failed" in relay.log
            nats.start()
            relay.until_logged("level with the log")
        check(nats.url, ledger)


def test_the_command_ends_with_a_sentence_if_it_is_to_run_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    with server(tmp_path) as nats:
        nats.kill()
        with relaying(ledger, nats.url, "--once") as relay:
            assert relay.ended() == 1
            assert "dateline: feed_unavailable: " in relay.log


def test_nobody_reads_a_password(ledger: Ledger, tmp_path: Path) -> None:
    users = 'authorization { user: relay, password: "a b/c@d" }'
    with server(tmp_path, users) as nats:
        place = nats.url.removeprefix("nats://")
        with relaying(ledger, f"nats://relay:wrong-secret@{place}") as relay:
            assert relay.ended() == 2
            assert "invalid_feed" in relay.log
            assert "wrong-secret" not in relay.log
        with relaying(ledger, f"nats://relay:a%20b%2Fc%40d@{place}", "--once") as relay:
            assert relay.ended() == 0
            assert "a b/c@d" not in relay.log
            assert "a%20b" not in relay.log
