"""History: the past of a world, played as fast as it goes, by standing rules."""

import logging
from typing import Final

from simulator.clock import clock_text
from simulator.simulation import Simulation

LOG: Final = logging.getLogger("simulator")
LOGGED: Final = ("customers", "sold_units", "lost_units", "delivered_units", "wasted_units")


def run_history(simulation: Simulation, to_ms: int) -> None:
    """Runs to an instant and logs one line per simulated month.

    Args:
        simulation: The world; goes on from its clock.
        to_ms: Where to stop, ms.
    """
    month = ""
    for report in simulation.ticks(to_ms):
        now = clock_text(report.now_ms)
        if now[:7] != month:
            month, ledger = now[:7], simulation.ledger()
            LOG.info("%s %s", now, " ".join(f"{name}={ledger[name]}" for name in LOGGED))
