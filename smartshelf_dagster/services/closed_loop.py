"""The loop at the pace of its cutoffs: staff go by standing rules, suppliers by the system.

Belongs here: to play months of a store in minutes, so that ordering policies can be compared, and
what came of it by the simulator's ground truth. Does not belong here: the policies
(`domain/ordering.py`), what staff do meanwhile (`simulator/standing.py`), and the whole loop
(`services/lockstep.py`).
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from smartshelf_dagster.domain.ordering import Economics
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.tables import ORDERS
from smartshelf_dagster.pipeline.demand import lake_cutoffs
from smartshelf_dagster.pipeline.micro_batch import ORDERING, LakeSession
from smartshelf_dagster.pipeline.order import ClosedCutoff
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.simulator import LockstepSimulator, state_dir, world_start
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import connect

# Options of a simulator whose staff follow standing rules and whose suppliers listen.
FLOOR_RULES = ("--standing-rules", "floor")
# And of one that nobody tells anything.
ALL_RULES = ("--standing-rules", "all")
# Groups of goods in the figures, besides categories.
ALL_GOODS = "all goods"
PERISHABLES = "perishables"

_DAYS_PER_YEAR = 365.0
# What a process leaves behind in a lake, and nobody needs in a copy.
_NOT_COPIED = shutil.ignore_patterns("*.sock", "locks", "logs", "dagster", "serving", "docs")


@dataclass(frozen=True)
class Figure:
    """How a figure is shown.

    Attributes:
        label: What it is, with its unit.
        factor: From the value to the unit.
        decimals: Of the number shown.
    """

    label: str
    factor: float = 1.0
    decimals: int = 0

    def text(self, value: float, sign: str = "") -> str:
        """Return a value as a reader wants it; `sign` is `+` to show it on gains as well."""
        return f"{value * self.factor:{sign},.{self.decimals}f}"


# By name, in the order they are shown; money in the currency of the stores.
FIGURES = {
    "fill_rate": Figure("fill rate, %", 100.0, 2),
    "sold_units": Figure("sold, pieces"),
    "lost_units": Figure("lost, pieces"),
    "wasted_units": Figure("wasted, pieces"),
    "wasted_value": Figure("wasted, at list prices"),
    "average_stock": Figure("average stock, pieces"),
    "average_stock_cost": Figure("average stock, at cost"),
    "order_lines": Figure("order lines"),
    "ordered_units": Figure("ordered, pieces"),
    "revenue": Figure("revenue"),
    "holding_cost": Figure("cost of holding"),
    "profit": Figure("profit"),
}


class NoLedgerError(SmartShelfError, ValueError):
    """The simulator's ledger does not have the days that were asked for."""


class RemoteLakeError(SmartShelfError, ValueError):
    """A lake that is not a folder cannot be copied."""


@dataclass
class ClosedLoopReport:
    """What a closed loop did.

    Attributes:
        begin: Where it began.
        end: Where it ended.
        cutoffs: The cutoffs it closed, in order.
        events: Events drained.
        quarantined: Events refused.
        seconds: Duration by step: simulate, drain, build, order.
    """

    begin: datetime
    end: datetime
    cutoffs: list[ClosedCutoff] = field(default_factory=list)
    events: int = 0
    quarantined: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def sim_days(self) -> float:
        """Simulated days."""
        return (self.end - self.begin).total_seconds() / 86_400

    def to_json(self) -> dict[str, Any]:
        """Return the figures as a flat object."""
        wall_s = sum(self.seconds.values())
        return {
            "sim_days": self.sim_days,
            "cutoffs": len(self.cutoffs),
            "events": self.events,
            "quarantined": self.quarantined,
            "wall_s": round(wall_s, 2),
            "wall_s_per_day": round(wall_s / self.sim_days, 3) if self.sim_days else 0.0,
            "seconds": {step: round(value, 2) for step, value in self.seconds.items()},
        }


def run_closed_loop(
    session: LakeSession,
    simulator: LockstepSimulator,
    *,
    until: datetime,
    on_cutoff: Callable[[datetime, list[ClosedCutoff]], None] | None = None,
) -> ClosedLoopReport:
    """Play a world up to an instant; the system takes its turn at each cutoff, and only then.

    Args:
        session: The system; its settings name the ordering policy.
        simulator: The world, with `FLOOR_RULES`.
        until: Where to stop, UTC; a cutoff of that instant is closed as well.
        on_cutoff: Called after each cutoff with its time and what was ordered.
    """
    begin = session.clock.simulated_now() or world_start(session.settings)
    report = ClosedLoopReport(begin, until)
    events_before, refused_before = session.events, session.refused
    with session.transformer.held():
        for cutoff in _cutoffs(session, begin, until):
            with _timed(report, "simulate"):
                simulator.advance(cutoff)
            closed = _order(session, report)
            report.cutoffs += closed
            if on_cutoff:
                on_cutoff(cutoff, closed)
        with _timed(report, "simulate"):
            simulator.advance(until)
        with _timed(report, "drain"):
            session.drain()
    report.events = session.events - events_before
    report.quarantined = session.refused - refused_before
    return report


def play_closed_loop(
    settings: Settings,
    until: datetime,
    *,
    supplier_faults: Mapping[str, float] | None = None,
    on_cutoff: Callable[[datetime, list[ClosedCutoff]], None] | None = None,
) -> ClosedLoopReport:
    """Run the closed loop of a lake that nobody is at work on, on a server of its own.

    Args:
        settings: Which lake, and the ordering policy.
        until: Where to stop, UTC.
        supplier_faults: Chances of faults that differ from those of the world.
        on_cutoff: As for `run_closed_loop`.
    """
    faults = ",".join(f"{name}={chance}" for name, chance in (supplier_faults or {}).items())
    options = (*FLOOR_RULES, *(("--supplier-faults", faults) if faults else ()))
    with EmbeddedRedis(settings.state_path / "redis") as server:
        client = connect(server.url, settings.redis_timeout_s)
        # Of the forecasts, those that nobody looks at here take the longest.
        session = LakeSession(settings, client, families=[ORDERS])
        with LockstepSimulator(settings, server.url, *options) as simulator:
            report = run_closed_loop(session, simulator, until=until, on_cutoff=on_cutoff)
        client.close()
    return report


def _cutoffs(session: LakeSession, begin: datetime, until: datetime) -> list[datetime]:
    """Return the cutoffs of the lake's calendar after an instant, up to another."""
    session.prepare(begin)
    with session.transformer.reading() as reader:
        calendar = lake_cutoffs(reader, begin.date(), max(begin, until).date())["cutoff_ts"]
    return [cutoff for cutoff in calendar if begin < cutoff <= until]


def _order(session: LakeSession, report: ClosedLoopReport) -> list[ClosedCutoff]:
    """Take the part of a turn that orders come from."""
    with _timed(report, "train"):
        session.train_if_due()
    with _timed(report, "drain"):
        session.drain()
    as_of = session.as_of()
    with _timed(report, "build"):
        session.build(as_of, ORDERING)
    with _timed(report, "order"):
        return session.close_cutoffs(as_of, has_positions=True, afterwards=ORDERING)


@contextmanager
def _timed(report: ClosedLoopReport, step: str) -> Iterator[None]:
    """Add how long a block takes to a step of a report."""
    started = time.perf_counter()
    yield
    spent = time.perf_counter() - started
    report.seconds[step] = report.seconds.get(step, 0.0) + spent


def copy_lake(settings: Settings, folder: Path, **changes: object) -> Settings:
    """Copy a lake with its world and broker, which must not be at work, into a new folder.

    Args:
        settings: Which lake; its broker is its own server.
        folder: Where the copy shall lie; it must not exist.
        changes: Settings of the copy that differ.

    Returns:
        Settings of the copy.

    Raises:
        RemoteLakeError: The lake is not a folder.
    """
    expect_folder(settings)
    copy = settings_of_scratch(settings, folder, **changes)
    shutil.copytree(settings.lake, folder, ignore=_NOT_COPIED)
    if not copy.state_path.exists():
        shutil.copytree(settings.state_path, copy.state_path, ignore=_NOT_COPIED)
    return copy


def expect_folder(settings: Settings) -> None:
    """Make sure that a lake can be copied.

    Raises:
        RemoteLakeError: It is not a folder.
    """
    if not settings.lake_is_local:
        raise RemoteLakeError(f"{settings.lake} is not a folder; copy it to one first")


def settings_of_scratch(settings: Settings, folder: Path, **changes: object) -> Settings:
    """Return the settings of a lake for another one, with a state and a server of its own.

    Args:
        settings: Those of the lake.
        folder: Where the other one lies.
        changes: Settings that differ.
    """
    kept = settings.model_dump(exclude={"lake", "state_dir", "redis_url"})
    own = {"lake": str(folder), "state_dir": folder / "_state"}
    return load_settings(**kept | own | changes)


def read_ledger(settings: Settings) -> pl.DataFrame:
    """Return the simulator's ground truth: one row per store, item and closed business day.

    Raises:
        NoLedgerError: No day of a simulated store has been closed.
    """
    folder = state_dir(settings) / "ledger"
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise NoLedgerError(
            f"{folder} is empty, expected the ledger of simulated stores with a day that has ended"
        )
    return pl.read_parquet(files)


def loop_figures(
    settings: Settings, first: date, last: date, economics: Economics | None = None
) -> pl.DataFrame:
    """Sum up what the stores of a lake did over some business days, by the ground truth.

    Profit is revenue (prices paid, less refunds), less the cost of what was sold and not brought
    back, less the cost of what was thrown away, less the cost of holding the average stock.

    Args:
        settings: Which lake.
        first: First business day.
        last: Last business day.
        economics: Cost of a piece and of holding it; the defaults of the policy `forecast`.

    Returns:
        One row per group: `group` (`ALL_GOODS`, `PERISHABLES`, then categories) and the columns
        of `FIGURES`. Fill rate is the share sold of sold and lost; stock is counted at the end
        of each day, in the store and on its way within it.

    Raises:
        NoLedgerError: A day of the span is not in the ledger.
    """
    given = economics or Economics()
    ledger = read_ledger(settings)
    span = ledger.filter(pl.col("date").is_between(first, last))
    if span["date"].n_unique() != (last - first).days + 1:
        begin, end = ledger.select(first=pl.min("date"), last=pl.max("date")).row(0)
        raise NoLedgerError(f"figures from {first} to {last}, expected days from {begin} to {end}")
    items = pl.read_parquet(state_dir(settings) / "reference" / "items.parquet").select(
        "item_id", "category", "is_perishable", cost=pl.col("list_price") * given.cost_frac
    )
    rows = span.join(items.cast({"cost": pl.Float64}), on="item_id").with_columns(
        stock=pl.sum_horizontal(pl.col("shelf_units", "warehouse_units", "transit_units"))
    )
    frames = [
        rows.with_columns(group=pl.lit(ALL_GOODS)),
        rows.filter("is_perishable").with_columns(group=pl.lit(PERISHABLES)),
        rows.sort("category", maintain_order=True).with_columns(group="category"),
    ]
    return pl.concat([_sum_up(frame, given) for frame in frames])


def _sum_up(rows: pl.DataFrame, given: Economics) -> pl.DataFrame:
    days = pl.col("date").n_unique()
    kept = pl.col("sold_units") - pl.col("returned_units") + pl.col("wasted_units")
    summed = ("sold_units", "lost_units", "wasted_units", "wasted_value")
    asked = pl.col("sold_units") + pl.col("lost_units")
    return (
        rows.group_by("group", maintain_order=True)
        .agg(
            *(pl.sum(name) for name in summed),
            average_stock=pl.sum("stock") / days,
            average_stock_cost=(pl.col("stock") * pl.col("cost")).sum() / days,
            # A store orders an item at most once a day.
            order_lines=(pl.col("ordered_units") > 0).sum().cast(pl.Int64),
            ordered_units=pl.sum("ordered_units"),
            revenue=pl.sum("revenue"),
            goods_cost=(kept * pl.col("cost")).sum(),
            years=days / _DAYS_PER_YEAR,
        )
        .with_columns(
            fill_rate=pl.when(asked > 0).then(pl.col("sold_units") / asked).otherwise(1.0),
            holding_cost=given.holding_rate * pl.col("average_stock_cost") * pl.col("years"),
        )
        .with_columns(profit=pl.col("revenue") - pl.col("goods_cost") - pl.col("holding_cost"))
        .select("group", *FIGURES)
    )
