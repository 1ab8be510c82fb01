"""The three clocks: wall time in UTC, monotonic seconds, and a way to wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tradewright.model import clock as clock_module
from tradewright.model.clock import Clock, ManualClock, ShiftedClock, SystemClock

START = datetime(2026, 11, 20, 15, 0, 1, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))


class Machine:
    """The machine's two clocks, turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.ticks = datetime(2030, 1, 1, tzinfo=UTC), 500.0
        machine = self

        class Now(datetime):
            @classmethod
            def now(cls, tz=None):  # type: ignore[no-untyped-def, override]
                return machine.wall.astimezone(tz)

        monkeypatch.setattr(clock_module, "datetime", Now)
        monkeypatch.setattr(clock_module.time, "monotonic", lambda: machine.ticks)

    def no_checkpoint(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize("clock", [SystemClock(), ShiftedClock(START), ManualClock(START)])
def test_every_clock_tells_utc_and_never_runs_backwards(clock: Clock) -> None:
    moments = [clock.now() for _ in range(20)]
    seconds = [clock.monotonic() for _ in range(20)]
    assert all(moment.tzinfo is UTC for moment in moments)
    assert moments == sorted(moments)
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("clock", [SystemClock(), ShiftedClock(START), ManualClock(START)])
def test_waiting_lets_others_run(clock: Clock) -> None:
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    async def both() -> None:
        task = asyncio.create_task(other())
        await clock.sleep(0.0)
        order.append("me")
        await task

    asyncio.run(both())
    assert order == ["other", "me"]


def test_a_shifted_clock_starts_where_it_is_told_and_runs_at_the_machines_pace(machine: Machine) -> None:
    clock = ShiftedClock(START)
    assert clock.now() == START
    machine.no_checkpoint(90.5)
    assert clock.now() == START + timedelta(seconds=90.5)
    assert clock.monotonic() == machine.ticks


def test_a_jump_of_the_machines_wall_clock_does_not_move_it(machine: Machine) -> None:
    clock = ShiftedClock(START)
    machine.wall -= timedelta(hours=2)
    assert clock.now() == START


def test_clocks_that_name_the_same_two_moments_agree_whenever_they_were_made(machine: Machine) -> None:
    since = machine.wall - timedelta(minutes=10)
    early = ShiftedClock(START, since)
    machine.no_checkpoint(3600)
    late = ShiftedClock(START.astimezone(TOKYO), since.astimezone(TOKYO))
    assert early.now() == late.now() == START + timedelta(minutes=70)


def test_a_moment_that_is_still_to_come_sets_the_clock_before_its_start(machine: Machine) -> None:
    assert ShiftedClock(START, machine.wall + timedelta(seconds=5)).now() == START - timedelta(seconds=5)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(START.astimezone(TOKYO))
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    clock.advance(1.5)
    clock.advance(0.0)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=1.5), 1.5)


def test_waiting_moves_a_manual_clock_at_once() -> None:
    clock = ManualClock(START)
    asyncio.run(clock.sleep(3600.0))
    assert (clock.now(), clock.monotonic()) == (START + timedelta(hours=1), 3600.0)


def test_a_manual_clock_refuses_to_run_backwards_and_stands_still() -> None:
    clock = ManualClock(START)
    with pytest.raises(ValueError, match=r"time does not run backwards: -0\.5 s"):
        clock.advance(-0.5)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
