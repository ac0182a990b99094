"""Days of public time in a ledger's zone: today, that of a point, the one before."""

from datetime import UTC, date, datetime, timedelta

from dateline.api.page.kept import Kept
from dateline.api.page.visit import Visit
from dateline.domain.times import Zone, instant_of
from dateline.ledger import Ledger

DAY = timedelta(days=1)


def today(ledger: Ledger) -> str:
    """Return today."""
    return Zone(ledger.timezone).day(instant_of(datetime.now(UTC)))


def default_on(ledger: Ledger, visit: Visit, position: int, kept: Kept) -> str:
    """Return today, for views that nothing leads to another day."""
    return today(ledger)


def day_of(ledger: Ledger, on: str) -> str:
    """Return the day that a point of public time falls on.

    Raises:
        InvalidTime: it is none.
    """
    zone = Zone(ledger.timezone)
    until = zone.known_until(on)
    try:
        return zone.day(until)
    except OverflowError:  # in this zone it is of a year before 1 or after 9999
        return (date.min if until < 0 else date.max).isoformat()


def day_before(day: str) -> str:
    """Return the day before; of the first day there is, the day itself."""
    at = date.fromisoformat(day)
    return (at - DAY).isoformat() if at > date.min else day
