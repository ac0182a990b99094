"""Laws: tests of what holds for all that Hypothesis draws, on each store."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services import IN_CI
from tests.stores import SQLITE


def law(
    examples: int, **drawn: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[[str], None]]:
    """Make a test of a function of the kind of store and of what is drawn.

    Args:
        examples: how many on SQLite; PostgreSQL takes as long for a third of them.
            In CI, where they are the same each time, half as many.
        drawn: from what, by the function's arguments.
    """

    def made(holds: Callable[..., None]) -> Callable[[str], None]:
        def test(store: str) -> None:
            tried = examples if store == SQLITE else examples // 3
            if IN_CI:
                tried //= 2
            settings(max_examples=tried)(given(**drawn)(holds))(store)

        test.__doc__ = holds.__doc__
        return test

    return made
