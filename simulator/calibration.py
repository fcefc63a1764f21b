"""Calibrated draws: repeat a draw until its means come near to those measured.

The means of the first generation are one draw of its rules, some two standard errors from what the
rules expect. Drawing again until a draw is as near as the tolerance makes every seed a world of the
same size, and leaves each draw as random as the rules are.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from simulator.errors import SimulatorError


class Draw(Protocol):
    """A draw with means to calibrate by."""

    def means(self) -> Mapping[str, float]:
        """Means by name."""


_Drawn = TypeVar("_Drawn", bound=Draw)


def calibrated(
    draw: Callable[[int], _Drawn], targets: Mapping[str, float], tolerance: float, max_draws: int
) -> _Drawn:
    """The first draw whose means all come near to their targets.

    Args:
        draw: Makes a draw from the number of the attempt.
        targets: Means to come near to.
        tolerance: Largest relative distance, fraction.
        max_draws: Draws before giving up.

    Raises:
        SimulatorError: No draw came near.
    """
    means: Mapping[str, float] = {}
    for attempt in range(max_draws):
        drawn = draw(attempt)
        means = drawn.means()
        if all(abs(means[name] - mean) <= tolerance * mean for name, mean in targets.items()):
            return drawn
    raise SimulatorError(
        f"no draw of {max_draws} came within {tolerance:.1%} of the means {dict(targets)};"
        f" the last had {dict(means)}"
    )
