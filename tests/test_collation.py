"""Names are in order of code points, whatever order a database has for texts."""

import secrets
from collections.abc import Iterator

import pytest
from psycopg.sql import SQL, Identifier

import dateline
from dateline import Ledger
from dateline.projections.postgres.target import Target
from tests.builders import asserted, framed, registered
from tests.stores import SERVER, administering, require_server

NAMES = ["a", "a-b", "a.b", "a0", "a_b", "ab", "b"]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Open a ledger in a database whose texts are ordered as English ones are."""
    require_server()
    name = f"test-{secrets.token_hex(8)}"
    target = Target.parse(SERVER)
    base = f"{target.base.rpartition('/')[0]}/{name}"
    with administering() as connection:
        statement = (
            "CREATE DATABASE {} LOCALE_PROVIDER icu ICU_LOCALE 'en-US' "
            "TEMPLATE template0"
        )
        connection.execute(SQL(statement).format(Identifier(name)))
        try:
            with dateline.open(target._replace(base=base).url) as opened:
                yield opened
        finally:
            connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


def test_names_are_in_order_of_code_points(ledger: Ledger) -> None:
    """In English order "a_b" comes before "a-b", and "a0" after "ab"."""
    ledger.record(*map(registered, reversed(NAMES)), *map(framed, reversed(NAMES)))
    ledger.record(*(asserted(name, by="a") for name in NAMES))

    known = ledger.knowledge(on="2024-10-20")
    first = ledger.knowledge(on="2024-10-20", first=3)
    rest = ledger.knowledge(on="2024-10-20", first=9, after=first.next)

    assert [claim.id for claim in known.claims] == NAMES
    assert [claim.id for claim in (*first.claims, *rest.claims)] == NAMES
    assert [source.id for source in ledger.sources().sources] == NAMES
    ledger.verify()
