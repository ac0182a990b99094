"""Clocks that go back, stand still or run ahead: record time never falls."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dateline
from dateline import Ledger
from tests.builders import Clock, asserted, framed, opened, refused, registered

TICK = timedelta(microseconds=1)
NOON = datetime(2024, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "by", [-86_400.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 86_400.0 * 3_650]
)
def test_recorded_at_is_later_than_any_before(
    ledger: Ledger, clock: Clock, by: float
) -> None:
    before = ledger.record(opened("before")).recorded_at
    clock.step(seconds=by)
    shown = clock()
    for number in range(5):
        after = ledger.record(opened(f"a{number}"), opened(f"b{number}")).recorded_at
        assert after == max(shown, before + TICK)
        before = after
    ledger.verify()


def test_two_whose_clocks_differ_take_turns_and_moments_rise(target: str) -> None:
    """As two processes on two machines do; each clock jumps about, too."""
    choose = random.Random(8)
    clocks = Clock("2024-11-01T12:00:00Z"), Clock("2024-11-01T09:00:00Z")
    moments = []
    with (
        dateline.open(target, clock=clocks[0]) as one,
        dateline.open(target, clock=clocks[1]) as other,
    ):
        for number in range(60):
            clock = choose.choice(clocks)
            clock.step(seconds=choose.uniform(-7_200, 7_300))
            ledger = choose.choice((one, other))
            moments.append(ledger.record(opened(f"t{number}")).recorded_at)
        assert moments == sorted(set(moments))
        assert [event.recorded_at for event in one.events(after=1)] == moments
        other.verify()


def test_a_moment_goes_on_meaning_the_same_position(tmp_path: Path) -> None:
    """Two ledgers with clocks of their own, reopened again and again."""
    choose = random.Random(7)
    target = tmp_path / "war.dateline"
    moments: list[tuple[datetime, int]] = []
    dateline.open(target, clock=Clock("2024-11-01T12:00:00Z")).close()
    for turn in range(60):
        clock = Clock("2024-11-01T12:00:00Z")
        clock.step(seconds=choose.uniform(-5_000, 5_000))
        with dateline.open(target, clock=clock) as ledger:
            for number in range(choose.randint(1, 3)):
                receipt = ledger.record(opened(f"t{turn}-{number}"))
                moments.append((receipt.recorded_at, receipt.position))
                clock.step(seconds=choose.uniform(-5, 5))
            for at, position in choose.sample(moments, min(8, len(moments))):
                for asked in (at, at.isoformat()):
                    basis = ledger.knowledge(on="2024-10-22", recorded_by=asked).basis
                    assert (basis.position, basis.recorded_at) == (position, at)
                basis = ledger.knowledge(on="2024-10-22", recorded_by=at - TICK).basis
                assert basis.position == position - 1
    assert moments == sorted(moments)
    assert len({at for at, _ in moments}) == len(moments)


def test_a_moment_ahead_of_clock_and_head_is_refused(
    ledger: Ledger, clock: Clock
) -> None:
    clock.step(hours=5)
    ahead = ledger.record(opened("ahead")).recorded_at
    clock.step(hours=-5)

    def position(recorded_by: datetime | str) -> int:
        return ledger.knowledge(on="2024-10-22", recorded_by=recorded_by).basis.position

    assert position(ahead) == 2
    assert position(ahead - TICK) == position(NOON) == 1
    assert position(NOON - TICK) == 0
    with refused("not_yet_recorded"):
        position(ahead + TICK)
    clock.step(hours=6)
    assert position(ahead + TICK) == position(clock()) == 2
    with refused("not_yet_recorded"):
        position(clock() + TICK)


def test_a_day_means_its_end_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = Clock("2024-11-01T23:30:00+09:00")
    with dateline.open(
        tmp_path / "war.dateline", clock=clock, timezone="Asia/Seoul"
    ) as ledger:
        clock.step(hours=1)
        ledger.record(opened("next-day"))
        clock.step(hours=-2)
        ledger.record(opened("clock-back"))

        def position(day: str) -> int:
            return ledger.knowledge(on="2024-10-22", recorded_by=day).basis.position

        assert [position(f"2024-{day}") for day in ("10-31", "11-01", "11-02")] == [
            *(0, 1, 3)
        ]
        with refused("not_yet_recorded"):
            position("2024-11-03")
        clock.set("2024-11-03T00:00:00+09:00")
        assert [position(f"2024-{day}") for day in ("11-01", "11-02", "11-03")] == [
            *(1, 3, 3)
        ]


@pytest.mark.parametrize("hours", [-3, 0, 3])
def test_a_statement_is_held_against_the_moment_it_is_recorded_at(
    ledger: Ledger, clock: Clock, hours: float
) -> None:
    """Not against the clock: one that went back has no say."""
    ledger.record(registered("seoul"), framed("troops"))
    clock.step(hours=hours)
    head = ledger.record(opened()).recorded_at
    clock.step(hours=-1)
    later = [head + TICK * number for number in (1, 2)]
    with refused("said_in_future"):
        ledger.record(asserted(said_at=later[1].isoformat()))
    receipt = ledger.record(asserted(said_at=later[0].isoformat()))
    assert receipt.recorded_at == later[0]
    ledger.verify()


def test_batches_of_one_microsecond_have_moments_of_their_own(ledger: Ledger) -> None:
    moments = [
        ledger.record(*(opened(f"t{batch}-{number}") for number in range(3)))
        for batch in range(50)
    ]
    assert [receipt.recorded_at for receipt in moments] == [
        NOON + TICK * (number + 1) for number in range(50)
    ]
    for event in ledger.events(after=1):
        assert event.recorded_at == NOON + TICK * ((event.position - 2) // 3 + 1)
    ledger.verify()
