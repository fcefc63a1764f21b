"""Live: how far a tick goes, and when the next one is due; by a clock that the test turns."""

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from simulator import live
from simulator.clock import Pacer
from simulator.simulation import TickReport


class Clock:
    """A real clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ticks_are_due_at_equal_distances_however_long_each_took():
    clock = Clock()
    pacer = Pacer(0.5, clock)
    waits = []
    for took in (0.125, 0.25, 0.0, 0.375):
        clock.now += took
        waits.append(pacer.seconds_to_next())
        clock.now += waits[-1]
    assert waits == [0.375, 0.25, 0.5, 0.125]


def test_a_world_that_cannot_keep_up_does_not_hurry_afterwards():
    clock = Clock()
    pacer = Pacer(0.5, clock)
    clock.now += 60
    assert pacer.seconds_to_next() == 0
    assert pacer.seconds_to_next() == 0.5


class World:
    """A simulation that only notes where it is sent."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.targets: list[int] = []

    def ticks(self, target_ms: int) -> Iterator[TickReport]:
        self.targets.append(target_ms)
        self.now_ms = target_ms
        yield TickReport(target_ms, Counter())

    def ledger(self) -> Counter[str]:
        return Counter()


@pytest.fixture
def handlers():
    """Gives the test session its signal handlers back."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_live_goes_as_far_in_a_tick_as_its_speed_says(monkeypatch):
    """Two minutes a second, ten ticks a second; the last tick ends where it is told."""
    asked = []

    class Ready(Pacer):
        def seconds_to_next(self) -> float:
            asked.append(self._tick_seconds)
            return 0.0

    monkeypatch.setattr(live, "Pacer", Ready)
    world = World()
    live.run_live(world, speed=120, tick_seconds=0.1, until_ms=40_000)
    assert world.targets == [12_000, 24_000, 36_000, 40_000]
    assert asked == [0.1] * 4
