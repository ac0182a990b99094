"""Dates of section 3: what a text stands for in a zone, to the microsecond."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import available_timezones

import edtf
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dateline.domain import errors
from dateline.domain.times import (
    FIRST,
    LAST,
    Zone,
    datetime_of,
    instant_of,
    normalise,
    print_datetime,
    print_instant,
    read_instant,
)
from tests import oracle

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

ZONES = (
    "UTC",
    "Africa/Monrovia",
    "America/Goose_Bay",
    "America/Juneau",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Manila",
    "Asia/Pyongyang",
    "Asia/Seoul",
    "Australia/Lord_Howe",
    "Europe/Paris",
    "Europe/Kyiv",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


def printed(zone: str, text: str) -> tuple[str, str]:
    earliest, latest = Zone(zone).period(text)
    return print_instant(earliest), print_instant(latest)


# --- what a date stands for -------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "text", "earliest", "latest"),
    [
        ("UTC", "2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("UTC", "2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        ("UTC", "2023-02", "2023-02-01T00:00:00Z", "2023-02-28T23:59:59.999999Z"),
        ("UTC", "2024-12", "2024-12-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("UTC", "2024-10-22", "2024-10-22T00:00:00Z", "2024-10-22T23:59:59.999999Z"),
        ("UTC", "2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        (
            "UTC",
            "2024-10/2024-10-22",
            "2024-10-01T00:00:00Z",
            "2024-10-22T23:59:59.999999Z",
        ),
        ("UTC", "2024/2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        (
            "UTC",
            "2024-10-22T08:00:00Z/2024-10",
            "2024-10-22T08:00:00Z",
            "2024-10-31T23:59:59.999999Z",
        ),
        # Summer time begins in Kyiv on 31 March (23 hours) and ends on 27 October (25).
        (
            "Europe/Kyiv",
            "2024-03-31",
            "2024-03-30T22:00:00Z",
            "2024-03-31T20:59:59.999999Z",
        ),
        (
            "Europe/Kyiv",
            "2024-10-27",
            "2024-10-26T21:00:00Z",
            "2024-10-27T21:59:59.999999Z",
        ),
        (
            "Europe/Kyiv",
            "2024",
            "2023-12-31T22:00:00Z",
            "2024-12-31T21:59:59.999999Z",
        ),
        (
            "America/New_York",
            "2024-03-10",
            "2024-03-10T05:00:00Z",
            "2024-03-11T03:59:59.999999Z",
        ),
        (
            "America/New_York",
            "2024-11-03",
            "2024-11-03T04:00:00Z",
            "2024-11-04T04:59:59.999999Z",
        ),
        (
            "Asia/Seoul",
            "2024-10-22",
            "2024-10-21T15:00:00Z",
            "2024-10-22T14:59:59.999999Z",
        ),
        # Half an hour of summer time.
        (
            "Australia/Lord_Howe",
            "2024-10-06",
            "2024-10-05T13:30:00Z",
            "2024-10-06T12:59:59.999999Z",
        ),
        # No midnight on 4 November 2018: the clocks went from 23:59:59 to 01:00.
        (
            "America/Sao_Paulo",
            "2018-11-03",
            "2018-11-03T03:00:00Z",
            "2018-11-04T02:59:59.999999Z",
        ),
        (
            "America/Sao_Paulo",
            "2018-11-04",
            "2018-11-04T03:00:00Z",
            "2018-11-05T01:59:59.999999Z",
        ),
        # At midnight after 17 February 2018 the clocks went back to 23:00: 25 hours.
        (
            "America/Sao_Paulo",
            "2018-02-17",
            "2018-02-17T02:00:00Z",
            "2018-02-18T02:59:59.999999Z",
        ),
        (
            "America/Sao_Paulo",
            "2018-02-18",
            "2018-02-18T03:00:00Z",
            "2018-02-19T02:59:59.999999Z",
        ),
        # At 00:01 of 6 November 2011 the clocks went back to 23:01: two midnights, of
        # which the first begins the day.
        (
            "America/St_Johns",
            "2011-11-05",
            "2011-11-05T02:30:00Z",
            "2011-11-06T02:29:59.999999Z",
        ),
        (
            "America/St_Johns",
            "2011-11-06",
            "2011-11-06T02:30:00Z",
            "2011-11-07T03:29:59.999999Z",
        ),
        # 30 December 2011 was skipped between these.
        (
            "Pacific/Apia",
            "2011-12-29",
            "2011-12-29T10:00:00Z",
            "2011-12-30T09:59:59.999999Z",
        ),
        (
            "Pacific/Apia",
            "2011-12-31",
            "2011-12-30T10:00:00Z",
            "2011-12-31T09:59:59.999999Z",
        ),
        (
            "Pacific/Apia",
            "2011-12",
            "2011-12-01T10:00:00Z",
            "2011-12-31T09:59:59.999999Z",
        ),
        # Local mean time has seconds.
        (
            "Europe/Paris",
            "1850-01-01",
            "1849-12-31T23:50:39Z",
            "1850-01-01T23:50:38.999999Z",
        ),
        (
            "Africa/Monrovia",
            "1971-12-31",
            "1971-12-31T00:44:30Z",
            "1972-01-01T00:44:29.999999Z",
        ),
        # The ends of the calendar.
        ("UTC", "0001", "0001-01-01T00:00:00Z", "0001-12-31T23:59:59.999999Z"),
        ("UTC", "9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("UTC", "9999-12", "9999-12-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("UTC", "9999-12-31", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        (
            "Asia/Tokyo",
            "0001-01-01",
            "0001-01-01T00:00:00Z",
            "0001-01-01T14:41:00.999999Z",
        ),
        (
            "Asia/Seoul",
            "9999-12-31",
            "9999-12-30T15:00:00Z",
            "9999-12-31T14:59:59.999999Z",
        ),
        (
            "Asia/Seoul",
            "9999",
            "9998-12-31T15:00:00Z",
            "9999-12-31T14:59:59.999999Z",
        ),
        (
            "America/New_York",
            "9999-12-31",
            "9999-12-31T05:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ),
    ],
)
def test_a_date_stands_for_every_instant_of_it_in_the_zone(
    zone: str, text: str, earliest: str, latest: str
) -> None:
    assert printed(zone, text) == (earliest, latest)


@pytest.mark.parametrize(
    "text",
    [
        "2024-10-22T09:30:00Z",
        "2024-10-22T09:30:00+00:00",
        "2024-10-22T09:30:00+00",
        "2024-10-22T12:30:00+03:00",
        "2024-10-22T12:30:00+03",
        "2024-10-22T15:15:00+05:45",
        "2024-10-21T23:30:00-10:00",
        "2024-10-22T09:30:00.0Z",
        "2024-10-22T09:30:00.000000-00:00",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_an_instant_stands_for_itself_in_every_zone(zone: str, text: str) -> None:
    assert printed(zone, text) == ("2024-10-22T09:30:00Z",) * 2
    assert normalise(text) == "2024-10-22T09:30:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-10-22T09:30:00.5Z", "2024-10-22T09:30:00.500000Z"),
        ("2024-10-22T09:30:00.000001Z", "2024-10-22T09:30:00.000001Z"),
        ("2024-10-22T09:30:00.123456+02:00", "2024-10-22T07:30:00.123456Z"),
        ("2024-12-31T23:00:00-02:00", "2025-01-01T01:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2024", "2024"),
        ("2024-10", "2024-10"),
        ("2024-10-22", "2024-10-22"),
        (
            "2024-10-22T01:00:00+02:00/2024-10-23",
            "2024-10-21T23:00:00Z/2024-10-23",
        ),
    ],
)
def test_instants_are_printed_in_utc_and_days_as_they_were_given(
    text: str, expected: str
) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "text", ["1969-12-31T23:59:59.999999Z", "1900-01-01T00:00:00Z"]
)
def test_instants_before_1970_are_counted_backwards(text: str) -> None:
    instant = read_instant(text)

    assert instant < 0
    assert print_instant(instant) == text


# --- what is refused --------------------------------------------------------------

MALFORMED = [
    "",
    " ",
    "now",
    "24",
    "202",
    "20244",
    "2024-1",
    "2024-10-2",
    "2024-10-222",
    "2024/10/22",
    "22-10-2024",
    "20241022",
    "2024-W43",
    "2024-296",
    "2024?",
    "2024~",
    "202X",
    "-2024",
    "+2024",
    "Y20240",
    " 2024",
    "2024 ",
    "2024\n",
    "2024-10-22\n",
    "\u0662\u0660\u0662\u0664",
    "\uff12024-10-22",
    "2024-10-22/",
    "/2024-10-22",
    "/",
    "2024/2025/2026",
    "2024-10-22T09:30:00",
    "2024-10-22T09:30Z",
    "2024-10-22T09Z",
    "2024-10-22T09:30:00z",
    "2024-10-22t09:30:00Z",
    "2024-10-22 09:30:00Z",
    "2024-10-22T093000Z",
    "2024-10-22T09:30:00.Z",
    "2024-10-22T09:30:00,5Z",
    "2024-10-22T09:30:00.1234567Z",
    "2024-10-22T09:30:00+0300",
    "2024-10-22T09:30:00+03:00:00",
    "2024-10-22T09:30:00+3",
    "2024-10-22T09:30:00 Z",
    "2024-10-22T09:30:00Z\n",
    "2024-10T09:30:00Z",
    "2024T09:30:00Z",
]
IMPOSSIBLE = [
    "0000",
    "2024-00",
    "2024-13",
    "2024-21",
    "2024-02-30",
    "2023-02-29",
    "1900-02-29",
    "2024-04-31",
    "2024-10-00",
    "2024-10-32",
    "2024-02-30T09:30:00Z",
    "2024-10-22T24:00:00Z",
    "2024-10-22T24:00:01Z",
    "2024-10-22T25:00:00Z",
    "2024-10-22T09:60:00Z",
    "2024-10-22T23:59:60Z",
    "2024-10-22T09:30:00+24:00",
    "2024-10-22T09:30:00+03:60",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2024-10-22/2024-10-32",
    "2024-02-30/2024-10-22",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_not_written_as_a_date_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidTime) as caught:
        normalise(text)

    assert caught.value.code == "invalid_time"


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(errors.ImpossibleDate):
        normalise(text)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2024-10-23/2024-10-22"),
        ("UTC", "2025/2024"),
        ("UTC", "2024-11/2024-10"),
        ("UTC", "2024-10-22T10:00:00Z/2024-10-22T09:59:59.999999Z"),
        ("UTC", "2024-10-23T00:00:00Z/2024-10-22"),
        ("Asia/Seoul", "2024-10-22T15:00:00Z/2024-10-22"),
        ("Asia/Seoul", "2024-10-22/2024-10-21T14:59:59.999999Z"),
    ],
)
def test_an_interval_that_ends_before_it_begins_is_refused(
    zone: str, text: str
) -> None:
    with pytest.raises(errors.ReversedInterval):
        Zone(zone).period(text)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2024-10-22/2024-10-22"),
        ("UTC", "2024-10-22/2024-10"),
        ("UTC", "2024-10-22/2024"),
        ("UTC", "2024-10-22T23:59:59.999999Z/2024-10-22"),
        ("UTC", "2024-10-22T10:00:00Z/2024-10-22T10:00:00Z"),
        # The same text runs backwards in UTC.
        ("America/New_York", "2024-10-23T00:00:00Z/2024-10-22"),
    ],
)
def test_an_interval_may_begin_within_its_end(zone: str, text: str) -> None:
    earliest, latest = Zone(zone).period(text)

    assert earliest <= latest


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Kiritimati", "1994-12-31"),
        ("Pacific/Kwajalein", "1993-08-21"),
        ("Asia/Manila", "1844-12-31"),
    ],
)
def test_a_day_that_the_zone_skips_is_refused(zone: str, day: str) -> None:
    for text in (day, f"{day}/9999", f"0001/{day}"):
        with pytest.raises(errors.SkippedDay):
            Zone(zone).period(text)
    with pytest.raises(errors.SkippedDay):
        Zone(zone).known_until(day)
    assert Zone("UTC").period(day)
    assert Zone(zone).period(f"{day}T12:00:00Z")


def test_only_about_may_have_open_ends() -> None:
    for text in ("../2024", "2024/..", "../..", ".."):
        with pytest.raises(errors.InvalidTime):
            normalise(text)
    for text in ("..", "2024/", "/..", "...", "2024/...", "2024-10-22/../.."):
        with pytest.raises(errors.InvalidTime):
            normalise(text, open_ends=True)
    assert normalise("2024-10-22T02:00:00+02:00/..", open_ends=True) == (
        "2024-10-22T00:00:00Z/.."
    )
    assert Zone("UTC").period("../2024-10-22") == (
        FIRST,
        read_instant("2024-10-22T23:59:59.999999Z"),
    )
    assert Zone("UTC").period("2024-10-22/..") == (
        read_instant("2024-10-22T00:00:00Z"),
        LAST,
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "UTC ",
        "Mars/Base",
        "Europe",
        "GMT+25",
        "../UTC",
        "/etc/localtime",
        "\x00",
    ],
)
def test_a_zone_that_is_not_in_the_database_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidTimezone):
        Zone(name)


@pytest.mark.parametrize("name", ["right/UTC", "posix/UTC", "posixrules", "localtime"])
def test_a_file_beside_the_database_is_not_a_zone(name: str) -> None:
    """Some systems keep these; what they mean differs from machine to machine."""
    with pytest.raises(errors.InvalidTimezone):
        Zone(name)


# --- points of public time --------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "on", "until"),
    [
        ("UTC", "2024-10-22", "2024-10-22T23:59:59.999999Z"),
        ("Europe/Kyiv", "2024-10-22", "2024-10-22T20:59:59.999999Z"),
        ("Europe/Kyiv", "2024-10-27", "2024-10-27T21:59:59.999999Z"),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T02:59:59.999999Z"),
        ("Europe/Kyiv", "2024-10-22T09:30:00+03:00", "2024-10-22T06:30:00Z"),
    ],
)
def test_a_day_is_asked_to_its_end_and_an_instant_to_itself(
    zone: str, on: str, until: str
) -> None:
    assert print_instant(Zone(zone).known_until(on)) == until


@pytest.mark.parametrize(
    "on", ["2024", "2024-10", "2024-10-22/2024-10-23", "2024/2025-", "2024-10-2x", ""]
)
def test_only_a_day_or_an_instant_can_be_asked_about(on: str) -> None:
    with pytest.raises(errors.InvalidTime):
        Zone("UTC").known_until(on)


def test_an_instant_falls_on_the_day_that_the_clocks_show() -> None:
    midnight = read_instant("2024-10-22T21:00:00Z")

    assert Zone("Europe/Kyiv").day(midnight - 1) == "2024-10-22"
    assert Zone("Europe/Kyiv").day(midnight) == "2024-10-23"


# --- laws -------------------------------------------------------------------------

EVERYWHERE = sorted(available_timezones() - {"localtime"})

zones = st.sampled_from(ZONES) | st.sampled_from(EVERYWHERE)
days = st.dates(date(1, 1, 3), date(9999, 12, 29)) | st.dates(
    date(1840, 1, 1), date(2037, 12, 31)
)


def period_of(zone: str, day: date) -> tuple[int, int] | None:
    """Return a day's first and last instant, or nothing if it is skipped."""
    try:
        return Zone(zone).period(day.isoformat())
    except errors.SkippedDay:
        return None


@given(zones, days)
@example("America/Sao_Paulo", date(2018, 11, 3))
@example("America/Sao_Paulo", date(2018, 2, 17))
@example("America/St_Johns", date(2011, 11, 5))
@example("America/Goose_Bay", date(2010, 11, 6))
@example("Pacific/Apia", date(2011, 12, 29))
@example("Pacific/Kiritimati", date(1994, 12, 30))
@example("Asia/Manila", date(1844, 12, 30))
@example("America/Juneau", date(1867, 10, 18))
@example("Asia/Pyongyang", date(2018, 5, 4))
def test_a_day_ends_one_microsecond_before_the_next_begins(
    zone: str, day: date
) -> None:
    this = period_of(zone, day)
    assume(this is not None)
    assert this is not None
    ahead = (day + timedelta(days=count) for count in (1, 2))

    following = next(found for one in ahead if (found := period_of(zone, one)))

    assert this[0] <= this[1]
    assert following[0] == this[1] + 1


@given(zones, st.integers(2, 9998), st.integers(1, 12))
def test_months_and_years_are_made_of_their_days(
    zone: str, year: int, month: int
) -> None:
    read = Zone(zone).period
    last = calendar.monthrange(year, month)[1]
    ends = [date(year, month, 1), date(year, month, last)]
    assume(all(period_of(zone, day) for day in ends))

    of_days = [read(day.isoformat()) for day in ends]

    assert read(f"{year:04}-{month:02}") == (of_days[0][0], of_days[1][1])
    try:
        new_year = read(f"{year:04}-01-01")[0], read(f"{year:04}-12-31")[1]
    except errors.SkippedDay:
        return
    assert read(f"{year:04}") == new_year


instants = st.integers(FIRST, LAST)


@given(instants)
@example(FIRST)
@example(LAST)
def test_an_instant_is_read_as_it_is_printed(instant: int) -> None:
    text = print_instant(instant)

    assert read_instant(text) == instant
    assert normalise(text) == text
    assert instant_of(datetime_of(instant)) == instant
    assert text.endswith("Z")
    assert ("." in text) == (instant % SECOND != 0)
    assert print_datetime(datetime_of(instant)) == text


def test_a_moment_of_any_zone_is_printed_in_utc() -> None:
    moment = datetime(2024, 10, 22, 12, tzinfo=timezone(timedelta(hours=3)))

    assert print_datetime(moment) == "2024-10-22T09:00:00Z"
    assert print_instant(instant_of(moment)) == "2024-10-22T09:00:00Z"


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_offset_moves_an_instant(wall: datetime, minutes: int) -> None:
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"

    instant = read_instant(f"{wall.isoformat()}{sign}{hours:02}:{rest:02}")

    assert instant == instant_of(wall.replace(tzinfo=UTC)) - minutes * 60 * SECOND


# --- held against other readings --------------------------------------------------


def date_texts() -> st.SearchStrategy[str]:
    """Draw years, months and days, of which some are not in the calendar."""
    year = st.integers(1, 9999).map(lambda number: f"{number:04}")
    month = st.integers(1, 12).map(lambda number: f"-{number:02}")
    day = st.integers(1, 31).map(lambda number: f"-{number:02}")
    return (
        year
        | st.tuples(year, month).map("".join)
        | st.tuples(year, month, day).map("".join)
    )


@given(date_texts(), date_texts() | st.none())
def test_the_edtf_package_reads_the_same_days(begin: str, end: str | None) -> None:
    """It knows neither zones nor the time of day, nor that an interval runs forward."""
    text = begin if end is None else f"{begin}/{end}"
    for part in text.split("/"):  # it doesn't check the days of an interval
        if not accepts(edtf.parse_edtf, part, edtf.EDTFParseException):
            with pytest.raises(errors.ImpossibleDate):
                normalise(text)
            return
    theirs = edtf.parse_edtf(text)
    try:
        first, last = (
            instant_of(datetime(found.tm_year, found.tm_mon, found.tm_mday, tzinfo=UTC))
            for found in (theirs.lower_strict(), theirs.upper_strict())
        )
    except ValueError:  # nor that year 1 has no 29 February
        with pytest.raises(errors.ImpossibleDate):
            normalise(text)
        return
    if last < first:
        with pytest.raises(errors.ReversedInterval):
            Zone("UTC").period(text)
        return

    assert normalise(text) == text
    assert Zone("UTC").period(text) == (first, last + DAY - 1)


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)).map(
        lambda wall: wall.replace(microsecond=0).isoformat()
    ),
    st.sampled_from(["", "Z", "+03:00", "-03", "+0300", ".5Z"]),
)
def test_the_edtf_package_takes_the_same_instants(wall: str, offset: str) -> None:
    """But those without an offset, which stand for no instant; and decimals."""
    text = wall + offset
    taken = accepts(normalise, text, errors.InvalidTime)

    theirs = accepts(edtf.parse_edtf, text, edtf.EDTFParseException)

    assert taken == (offset == ".5Z" or (theirs and offset != ""))


def accepts(read: Callable[[str], object], text: str, refusal: type[Exception]) -> bool:
    try:
        read(text)
    except refusal:
        return False
    return True


@st.composite
def any_texts(draw: st.DrawFn) -> str:
    """Draw a date of any shape, or an interval of two."""
    day = st.dates(date(1, 1, 1), date(9999, 12, 31)) | days
    moment = st.builds(
        lambda on, second, fraction, offset: (
            f"{on}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            f"{fraction}{offset}"
        ),
        day,
        st.integers(0, 86_399),
        st.sampled_from(["", ".5", ".000001", ".999999"]),
        st.sampled_from(["Z", "+00", "+05:45", "-11:00", "+14:00", "-23:59"]),
    )
    end = date_texts() | day.map(str) | moment
    begin = draw(end)
    return begin if draw(st.booleans()) else f"{begin}/{draw(end)}"


@given(zones, any_texts())
@example("America/St_Johns", "2011-11-06")
@example("America/Juneau", "1867-10-18")
@example("America/Juneau", "1867-10-19")
@example("Asia/Manila", "1844-12-30/1845-01-01")
@example("Pacific/Apia", "2011-12-30")
@example("Pacific/Kiritimati", "0001-01-01")
@example("America/New_York", "9999-12-31")
def test_the_plain_transcription_of_the_contract_reads_the_same(
    zone: str, text: str
) -> None:
    try:
        expected = oracle.period(text, zone)
    except ValueError:
        with pytest.raises(errors.InvalidTime):
            Zone(zone).period(text)
        return

    assert Zone(zone).period(text) == expected
