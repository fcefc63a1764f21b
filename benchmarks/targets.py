"""What the figures are held against: bounds of our own, at least as sharp as claims of others.

Belongs here: bounds by the name of a figure. Does not belong here: how it is measured.
"""

from dataclasses import dataclass

from benchmarks.common import Figure


@dataclass(frozen=True)
class Target:
    """A bound of a figure.

    Attributes:
        bound: In the unit of the figure.
        at_least: Whether the figure has to reach it; else it must not exceed it.
    """

    bound: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


# By name and unit of the figure.
TARGETS = {
    ("drain, one event per entry", "events/s"): Target(150_000, at_least=True),
    ("drain, 500 events per entry", "events/s"): Target(600_000, at_least=True),
    ("sustained at 20,000 events/s", "events/s"): Target(20_000, at_least=True),
    ("sustained at 20,000 events/s: lag, p95", "s"): Target(5),
    ("sustained at 2 events/s: lag, p95", "s"): Target(2),
    ("micro-batch of 50,000 events", "s"): Target(10),
    ("micro-batch of 172,800 events", "s"): Target(20),
    ("micro-batch, at work", "s"): Target(1),
    ("lockstep", "store-days/min"): Target(4, at_least=True),
    ("history: a year", "s"): Target(300),
    ("generated: made", "events/s"): Target(50_000, at_least=True),
    ("generated: drained", "events/s"): Target(50_000, at_least=True),
    ("up: servers answer", "s"): Target(30),
    ("up: first publication", "s"): Target(60),
    ("memory, resident", "GB"): Target(3),
    ("forecast: memory", "GiB"): Target(6),
    ("million lines: replay", "times as fast as recorded"): Target(1_000, at_least=True),
    ("raw to all marts", "s"): Target(60),
    ("analytics, nothing new", "s"): Target(300),
    ("chain: a turn with nothing new", "s"): Target(20),
    ("raw event", "bytes"): Target(40),
    ("trends and KPIs", "times faster"): Target(100, at_least=True),
    ("whole cube", "times faster"): Target(30, at_least=True),
    ("real time, p95", "ms"): Target(50),
    ("historical, p95", "ms"): Target(250),
    ("unified, p95", "ms"): Target(250),
    ("aggregates, p95", "ms"): Target(10),
    ("all, p95", "ms"): Target(50),
}


def target_of(figure: Figure) -> Target | None:
    """Return the bound of a figure, `None` for one that is only told."""
    return TARGETS.get((figure.name, figure.unit))
