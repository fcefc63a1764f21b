"""Live: simulated time runs at a multiple of real time until somebody stops it."""

import logging
import signal
import threading
from collections import Counter
from types import FrameType
from typing import Final

from simulator.clock import HOUR_MS, SECOND_MS, Pacer, clock_text
from simulator.simulation import Simulation, TickReport

LOG: Final = logging.getLogger("simulator")
_LOGGED: Final = ("customers", "receipts", "sold_units", "lost_units")


class HourLog:
    """Logs one line per simulated hour.

    Args:
        simulation: The world.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._hour = simulation.now_ms // HOUR_MS
        self._ledger = simulation.ledger()
        self._events: Counter[str] = Counter()

    def note(self, report: TickReport) -> None:
        """Takes a tick; logs when it ends an hour."""
        self._events += report.events
        hour = report.now_ms // HOUR_MS
        if hour == self._hour:
            return
        ledger = self._simulation.ledger()
        counts = {name: ledger[name] - self._ledger[name] for name in _LOGGED}
        LOG.info(
            "%s events=%d %s",
            clock_text(report.now_ms),
            self._events.total(),
            " ".join(f"{name}={count}" for name, count in counts.items()),
        )
        self._hour, self._ledger, self._events = hour, ledger, Counter()


def run_live(
    simulation: Simulation, *, speed: float, tick_seconds: float, until_ms: int | None
) -> None:
    """Runs until the end or until SIGTERM or SIGINT, which end it after the tick.

    Args:
        simulation: The world; goes on from its clock.
        speed: Simulated seconds per real second.
        tick_seconds: Real time between ticks, s.
        until_ms: Where to stop, ms; None never.
    """
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    step_ms = max(1, round(speed * tick_seconds * SECOND_MS))
    pacer, hours = Pacer(tick_seconds), HourLog(simulation)
    while not stopping.is_set() and (until_ms is None or simulation.now_ms < until_ms):
        target_ms = simulation.now_ms + step_ms
        if until_ms is not None:
            target_ms = min(target_ms, until_ms)
        for report in simulation.ticks(target_ms):
            hours.note(report)
            if stopping.is_set():
                return
        stopping.wait(pacer.seconds_to_next())
