"""The database goes away and comes back: the relay and those who follow go on."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

import dateline
from tests.faults.servers import PostgresServer
from tests.jetstream.followers import check_told, following
from tests.jetstream.relays import relay_once, relaying, until_so
from tests.jetstream.servers import server
from tests.jetstream.streams import check, reached, remember_no_duplicates
from tests.jetstream.writers import prepare, recording

pytestmark = pytest.mark.slow

TURNS = 12


def test_a_database_that_dies_takes_nothing_with_it(tmp_path: Path) -> None:
    chance = random.Random(9)
    with (
        closing(PostgresServer()) as postgres,
        server(tmp_path) as nats,
        dateline.open(postgres.target()) as ledger,
    ):
        prepare(ledger)
        after = ledger.position
        relay_once(ledger, nats.url)
        remember_no_duplicates(nats.url, ledger)
        with (
            relaying(ledger, nats.url) as relay,
            following(ledger, nats.url) as follower,
        ):
            relay.until_logged("level with the log")
            with recording(ledger.target, 9):
                for turn in range(TURNS):
                    time.sleep(chance.uniform(0.3, 1.5))
                    if turn % 3 == 2:
                        postgres.kill()
                        time.sleep(chance.uniform(0, 1))
                        postgres.start()
                    else:
                        postgres.terminate(chance)
            until_so(
                lambda: reached(nats.url, ledger) == ledger.position,
                60,
                lambda: relay.log,
            )
            follower.until_told(ledger.position)
            follower.until_leading()
            check_told(ledger, follower, after)
            assert relay.stop() == 0
        check(nats.url, ledger)
