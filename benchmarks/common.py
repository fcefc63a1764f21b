"""What all measurements share: the machine, repeated runs, scratch lakes."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psutil

from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.simulator import bootstrap_world
from smartshelf_dagster.settings import Settings, load_settings

# Of the pieces in rows of the simulator's ledger that were wanted, the share that was sold.
FILL_RATE = pl.sum("sold_units") / (pl.sum("sold_units") + pl.sum("lost_units"))


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured; with the unit, unique among all figures.
        values: One per repetition.
        unit: Unit of the values.
        method: How.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    method: str

    @property
    def median(self) -> float:
        """Median of the repetitions."""
        return statistics.median(self.values)


def describe_machine() -> str:
    """Say what machine this is."""
    memory_gib = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"{memory_gib:.0f} GiB, {platform.platform()}, Python {platform.python_version()}, "
        f"load before: {load}"
    )


def timed(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes, seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def scratch_lake(*, stores: int = 1, world: bool = True) -> Iterator[tuple[Settings, str]]:
    """Give a fresh lake with a world and a server of its own, and remove both afterwards."""
    with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
        settings = load_settings(lake=str(Path(folder) / "lake"))
        if world:
            bootstrap_world(settings, stores=stores, seed=1)
        with EmbeddedRedis(settings.state_path / "redis") as server:
            yield settings, server.url
