"""Fixtures of GraphQL: a story in a ledger, and a client of its application."""

from collections.abc import Iterator

import pytest

from dateline import Ledger
from tests.api.graphql.asking import GraphQL, asking
from tests.builders import (
    asserted,
    captured,
    confirmed,
    corrected,
    denied,
    framed,
    opened,
    promised,
    rated,
    received,
    registered,
    retracted,
    voided,
    withheld,
)
from tests.stores import STORES_THAT_MATTER_LITTLE


@pytest.fixture(scope="session", params=STORES_THAT_MATTER_LITTLE)
def store(request: pytest.FixtureRequest) -> str:
    """Take SQLite; both kinds only if DATELINE_TEST_EVERYWHERE is true."""
    kind: str = request.param
    return kind


@pytest.fixture
def story(ledger: Ledger) -> Ledger:
    """Fill the ledger with two topics, three claims, and who stands where on them."""
    ledger.record(opened("dprk-troops"), opened("weapons"))
    ledger.record(
        registered("seoul"),
        registered("moscow"),
        registered("nato"),
        registered("nis", principal="seoul"),
        captured("article", publisher="seoul"),
    )
    ledger.record(
        framed("troops", topics=("dprk-troops",)),
        framed("brigades", topics=("dprk-troops",)),
        framed("shells", topics=("weapons",)),
    )
    ledger.record(
        withheld("troops", by="nato", said_at="2024-10-20", id="s1"),
        asserted(
            *("troops", "nis", "2024-10-21"),
            id="s2",
            basis=("seoul", "s1"),
            via=("nato",),
            document="article",
            quote="They are there.",
        ),
        asserted("shells", by="seoul", said_at="2024-10-21", id="s3"),
        asserted("brigades", by="seoul", said_at="2024-10-22", id="s4"),
        retracted("brigades", by="seoul", said_at="2024-10-23", id="s5"),
        asserted("shells", by="nato", said_at="2024-10/2024-10-25", id="s6"),
    )
    ledger.record(
        promised("briefing"), rated("B", id="r1"), corrected("seoul", name="Seoul!")
    )
    ledger.record(
        denied("troops", by="moscow", said_at="2024-10-22", id="s7"),
        confirmed("shells", by="seoul", said_at="2024-10-26", id="s8"),
        voided("s8", id="v1"),
        received("s2", id="u1"),
    )
    return ledger


@pytest.fixture
def graphql(ledger: Ledger) -> Iterator[GraphQL]:
    """Serve the ledger of the test."""
    with asking(ledger) as client:
        yield client
