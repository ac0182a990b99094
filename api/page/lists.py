"""Long lists on pages: numbered pages of them, and moments to choose from."""

from datetime import datetime

from dateline.api.page.visit import Visit
from dateline.api.problems import InvalidParameter

MOMENTS_AT_ONCE = 400
"""Moments of record time that can be chosen; more could not be told apart."""

Moments = list[tuple[int, datetime]]
"""Positions, each with when it was recorded."""


def page_of(visit: Visit, count: int, at_once: int) -> tuple[int, int]:
    """Return the number of the page that is asked for, and of the last one.

    Raises:
        InvalidParameter: there is no such page.
    """
    pages = max(1, -(-count // at_once))
    text = visit.given.get("page", "1")
    page = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 1 <= page <= pages:
        raise InvalidParameter(f"page is between 1 and {pages}", "page")
    return page, pages


def thinned(last: dict[datetime, int]) -> Moments:
    """Return moments of recording with their last positions, some if there are many.

    The last one is always among them.
    """
    moments = [(position, at) for at, position in last.items()]
    stride = -(-len(moments) // MOMENTS_AT_ONCE) or 1
    return moments[::-stride][::-1]
