"""Where things are drawn: in proportion, in order, and once each."""

from datetime import UTC, datetime, timedelta

import pytest

from dateline.api.page.pictures.arrivals import MOST_MARKS_APART, axes_of
from dateline.api.page.pictures.calendar import HEIGHT, MOST_COLUMNS, WIDTH, days_of
from dateline.api.page.pictures.counts import bars_of
from dateline.api.page.pictures.stances import MOST_CLAIMS, Spoken, stances_of
from dateline.domain.answers import (
    Arrival,
    Arrivals,
    Calendar,
    CalendarDay,
    RecordBasis,
)
from dateline.domain.events import Stance
from dateline.domain.rule import Policy, Status
from dateline.domain.times import Zone

BASIS = RecordBasis(position=1, recorded_at=None, policy=Policy())
UTC_ZONE = Zone("UTC")
NOON = datetime(2024, 10, 20, 12, tzinfo=UTC)


def calendar(**days: dict[Status, int]) -> Calendar:
    """Return a calendar; the names of days are ``d`` and the day of October."""
    found = [
        CalendarDay(day=f"2024-10-{name[1:]}", counts=counts, statements=1)
        for name, counts in days.items()
    ]
    return Calendar(basis=BASIS, topic=None, days=tuple(found))


def arrived(number: int, *, late: timedelta, voided: bool = False) -> Arrival:
    known = NOON + timedelta(hours=number)
    return Arrival(
        statement=f"s{number}",
        claim="troops",
        source="seoul",
        stance=Stance.ASSERTED,
        known_from=known,
        position=number + 1,
        recorded_at=known + late,
        voided=voided,
    )


def test_the_days_begin_before_anything_was_known_and_end_with_the_last_news() -> None:
    found = calendar(d20={Status.RAISED: 1}, d22={Status.DISPUTED: 1})
    days = days_of(found, "2024-10-20")
    assert (days.first, days.last, days.count) == ("2024-10-19", "2024-10-22", 4)
    assert (days.before, days.after) == ("2024-10-19", "2024-10-21")
    assert (days.news_before, days.news_after) == (None, "2024-10-22")
    assert [column.counts for column in days.columns] == [
        {},
        {Status.RAISED: 1},
        {Status.RAISED: 1},
        {Status.DISPUTED: 1},
    ]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_there_are_can_be_looked_at(day: str) -> None:
    days = days_of(calendar(d20={Status.RAISED: 1}), day)
    assert days.day(days.index) == day
    assert len(days.columns) == MOST_COLUMNS
    assert 0 < days.x < WIDTH


def test_a_column_of_many_days_shows_the_last_of_them() -> None:
    found = calendar(d20={Status.RAISED: 1}, d21={Status.DISPUTED: 2})
    days = days_of(found, "2025-10-20")
    at = next(column for column in days.columns if column.day >= "2024-10-21")
    assert at.counts == {Status.DISPUTED: 2}
    assert days.columns[-1].counts == {Status.DISPUTED: 2}


def test_columns_are_as_high_as_there_are_claims() -> None:
    found = calendar(
        d20={Status.RAISED: 1}, d21={Status.DISPUTED: 1, Status.ASSERTED: 3}
    )
    shapes = dict(days_of(found, "2024-10-21").shapes)
    assert shapes.keys() == {Status.RAISED, Status.DISPUTED, Status.ASSERTED}
    assert f"v{HEIGHT / 4:.1f}" in shapes[Status.RAISED]
    assert f"v{HEIGHT * 3 / 4:.1f}" in shapes[Status.ASSERTED]
    assert " 0.0h" in shapes[Status.DISPUTED]  # what calls for attention is on top


def test_each_statement_is_a_mark_and_a_late_one_is_another() -> None:
    some = [
        arrived(0, late=timedelta(hours=1)),
        arrived(1, late=timedelta(days=3)),
        arrived(2, late=timedelta(0), voided=True),
    ]
    axes = axes_of(Arrivals(basis=BASIS, topic=None, arrivals=tuple(some)))
    assert axes is not None
    assert [(mark.is_late, mark.is_voided) for mark in axes.marks] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert axes.late == 1
    assert axes.marks[0].x < axes.marks[1].x < axes.marks[2].x
    assert axes.marks[1].y == max(mark.y for mark in axes.marks)


def test_no_statement_of_a_crowd_is_left_out() -> None:
    count = MOST_MARKS_APART * 5
    some = [arrived(n, late=timedelta(hours=n % 50)) for n in range(count)]
    axes = axes_of(Arrivals(basis=BASIS, topic=None, arrivals=tuple(some)))
    assert axes is not None
    assert len(axes.marks) < MOST_MARKS_APART
    told = [one.statement for mark in axes.marks for one in mark.arrivals]
    assert sorted(told) == sorted(one.statement for one in some)
    for mark in axes.marks:
        assert 0 <= mark.x <= axes.width and 0 <= mark.y <= axes.height


def test_nothing_that_arrived_is_no_picture() -> None:
    assert axes_of(Arrivals(basis=BASIS, topic=None, arrivals=())) is None


def test_a_stance_lasts_until_the_next_one_of_the_source() -> None:
    def spoken(day: int, stance: Stance, claim: str = "troops") -> Spoken:
        return Spoken(claim, stance, None, UTC_ZONE.known_until(f"2024-10-{day}"))

    days = days_of(calendar(d20={}, d23={}), "2024-10-21")
    found = stances_of(
        [
            spoken(20, Stance.ASSERTED),
            spoken(20, Stance.DENIED),
            spoken(22, Stance.RETRACTED),
            spoken(23, Stance.ASSERTED, "shells"),
        ],
        days,
        UTC_ZONE,
    )
    assert [line.claim for line in found.lines] == ["shells", "troops"]
    assert [(one.day, one.stance, one.x, one.width) for one in found.lines[1].held] == [
        ("2024-10-20", Stance.DENIED, 20.0, 40.0),
        ("2024-10-22", Stance.RETRACTED, 60.0, 40.0),
    ]
    assert (found.x, found.width) == (40.0, 20.0)


def test_a_source_of_many_claims_is_drawn_on_those_it_spoke_of_last() -> None:
    some = [
        Spoken(
            f"c{n:02}", Stance.ASSERTED, None, UTC_ZONE.known_until("2024-10-20") + n
        )
        for n in range(MOST_CLAIMS + 5)
    ]
    found = stances_of(some, days_of(calendar(d20={}), "2024-10-20"), UTC_ZONE)
    assert [line.claim for line in found.lines] == [
        f"c{n:02}" for n in range(MOST_CLAIMS + 4, 4, -1)
    ]


def test_bars_are_as_long_as_there_are_claims() -> None:
    found = bars_of(
        "Claims of each topic",
        [
            ("War", {Status.ASSERTED: 3, Status.DISPUTED: 1}),
            ("Weapons", {Status.RAISED: 1}),
            ("Nothing", {}),
        ],
    )
    widths = [
        [(part.status, part.x, part.width) for part in bar.parts] for bar in found.bars
    ]
    assert widths == [
        [(Status.DISPUTED, 0.0, 25.0), (Status.ASSERTED, 25.0, 75.0)],
        [(Status.RAISED, 0.0, 25.0)],
        [],
    ]


def test_a_part_has_its_number_where_there_is_room() -> None:
    (bar,) = bars_of("", [("", {Status.ASSERTED: 92, Status.DISPUTED: 8})]).bars
    assert [part.is_labelled for part in bar.parts] == [True, True]

    (bar,) = bars_of("", [("", {Status.ASSERTED: 93, Status.DISPUTED: 7})]).bars
    assert [part.is_labelled for part in bar.parts] == [False, True]
