"""Templates: how values are written into pages and pictures, and which there are."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dateline.api.page import meanings
from dateline.domain.times import Zone, datetime_of, read_instant
from dateline.words import called, counted, does, moment, readable, span

MOST_NAMED = 8
"""Sources of a tally that a list of claims names; the claim's page names them all."""

_ZONES = 32
_NO_XML = {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}


@lru_cache(maxsize=_ZONES)
def environment(timezone: str) -> Environment:
    """Return the templates, as they are written for a ledger's zone."""
    zone = Zone(timezone)

    def in_words(instant: datetime | str) -> str:
        if isinstance(instant, str):
            instant = datetime_of(read_instant(instant))
        return moment(instant, zone)

    found = Environment(
        loader=PackageLoader("dateline.api.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "moment": in_words,
        "span": span,
        "named": meanings.named,
        "day": day_in_words,
        "listed": listed,
        "drawn": drawn,
    }
    found.globals |= {
        "STATUSES": meanings.STATUSES,
        "FLAGS": meanings.FLAGS,
        "COLOURS": meanings.COLOURS,
        "MOST_NAMED": MOST_NAMED,
        "does": does,
        "called": called,
        "counted": counted,
    }
    return found


def render(timezone: str, template: str, values: Mapping[str, Any]) -> str:
    """Return a page or a picture."""
    return environment(timezone).get_template(template).render(values)


def day_in_words(on: str) -> str:
    """Write a point of public time: a day with its weekday, an instant as it is."""
    if "T" in on:
        return on.replace("T", " ")
    day = date.fromisoformat(on)
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def drawn(text: str, most: int = 100) -> str:
    """Return a text of one line for a picture: shortened, and of XML's characters."""
    text = readable(text).translate(_NO_XML)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
