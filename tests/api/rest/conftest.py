"""Fixtures of REST: a story in a ledger, and a client of its application."""

from collections.abc import Iterator

import pytest

from dateline import Ledger
from tests.api.rest.asking import Rest, asking
from tests.builders import (
    asserted,
    captured,
    denied,
    framed,
    opened,
    promised,
    registered,
    withheld,
)


@pytest.fixture
def story(ledger: Ledger) -> Ledger:
    """Fill the ledger with two topics, three claims, and who stands where on them."""
    ledger.record(opened("dprk-troops"), opened("weapons"))
    ledger.record(registered("seoul"), registered("moscow"), registered("nato"))
    ledger.record(captured("article", publisher="seoul"))
    ledger.record(
        framed("troops", topics=("dprk-troops",)),
        framed("brigades", topics=("dprk-troops",)),
        framed("shells", topics=("weapons",)),
    )
    ledger.record(
        withheld("troops", by="nato", said_at="2024-10-20", id="s1"),
        asserted("troops", by="seoul", said_at="2024-10-21", id="s2"),
        asserted("shells", by="seoul", said_at="2024-10-21", id="s3"),
        asserted("brigades", by="seoul", said_at="2024-10-22", id="s4"),
    )
    ledger.record(promised("briefing"))
    ledger.record(denied("troops", by="moscow", said_at="2024-10-22", id="s5"))
    return ledger


@pytest.fixture
def rest(ledger: Ledger) -> Iterator[Rest]:
    """Serve the ledger of the test."""
    with asking(ledger) as client:
        yield client
