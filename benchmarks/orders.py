"""What a cutoff of ten stores takes: forecast, policy and plan, from the demand history on."""

import time
from datetime import date, timedelta

import numpy as np
import polars as pl

from benchmarks.common import Figure
from benchmarks.forecast import made_up_sales
from smartshelf_dagster.domain.ordering import FORECAST, plan_orders
from smartshelf_dagster.forecasting.calendar import ALWAYS_OPEN, protection_intervals
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.features import CLASSES
from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.forecasting.panel import Panel, build_panel
from smartshelf_dagster.forecasting.promotion import train_family
from smartshelf_dagster.forecasting.serving import Speaker, forecast_cutoff
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS
from smartshelf_dagster.forecasting.windows import Cutoff
from smartshelf_dagster.pipeline.order import Planner, policy_with

STORES, ITEMS = 10, 390
# The model is not judged here: it has as many trees as usual, learnt from few cutoffs.
_SETTINGS = ModelSettings(max_rows=20_000)
_TRAINED_CUTOFFS = 12


def run() -> list[Figure]:
    """Measure the forecast and the plan of the newest cutoff, three times."""
    sales = made_up_sales(STORES, ITEMS)
    panel = build_panel(recover(densify(sales)))
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    speakers = {family: _speaker(panel, cutoffs, family) for family in (ORDERS, DAYS)}
    row = cutoffs.row(-1, named=True)
    cutoff = Cutoff(row["cutoff_ts"], row["delivery_ts"], row["covers_until_ts"])
    positions, lots = _positions(cutoff), _lots(cutoff.cutoff_ts.date())
    forecast_s, plan_s, whole_s = [], [], []
    for _ in range(3):
        started = time.perf_counter()
        spoken = forecast_cutoff(
            build_panel(recover(densify(sales))), cutoff, speakers, ALWAYS_OPEN
        )
        forecast = time.perf_counter()
        planner = Planner(FORECAST, cutoff.cutoff_ts, predictions=spoken.predictions)
        planned = plan_orders(positions, policy_with(planner, lots))
        ended = time.perf_counter()
        forecast_s.append(forecast - started)
        plan_s.append(ended - forecast)
        whole_s.append(ended - started)
    of = f"{STORES} stores x {ITEMS} items, a year of history"
    lines = planned.filter(pl.col("planned_qty") > 0).height
    return [
        Figure("cutoff", tuple(forecast_s), "s", f"{of}; demand and all windows forecast"),
        Figure("cutoff", tuple(plan_s), "s", f"policy forecast and plan, {lines:,} lines ordered"),
        Figure("cutoff", tuple(whole_s), "s", "forecast and plan together"),
    ]


def _speaker(panel: Panel, cutoffs: pl.DataFrame, family: str) -> Speaker:
    model = train_family(
        panel, cutoffs.tail(_TRAINED_CUTOFFS), family, _SETTINGS, ALWAYS_OPEN
    ).model
    # The blend asks model and baselines: what costs most.
    return Speaker(("xgboost+ets",) * len(CLASSES), "measured", model)


def _positions(cutoff: Cutoff) -> pl.DataFrame:
    """Return stock for about two days of every item."""
    random = np.random.default_rng(2)
    rows = STORES * ITEMS
    store, item = np.divmod(np.arange(rows), ITEMS)
    whole = {
        "shelf_stock": random.integers(0, 20, rows),
        "in_transit": np.zeros(rows, dtype=np.int64),
        "warehouse_stock": random.integers(0, 40, rows),
        "warehouse_on_hand": np.full(rows, 40),
        "expiring_qty": np.zeros(rows, dtype=np.int64),
        "warehouse_capacity": np.full(rows, 500),
        "on_order_qty": np.zeros(rows, dtype=np.int64),
        "batch_size": random.choice([6, 12, 24], rows),
        "reorder_point": np.full(rows, 30),
        "units_28d": random.integers(20, 400, rows),
        "units_squared_28d": random.integers(400, 8_000, rows),
    }
    return pl.DataFrame(
        {
            "store_id": [f"{s:02d}" for s in store],
            "shelf_id": [f"{i:04d}" for i in item],
            "category": [f"{i % 29:02d}" for i in item],
            **whole,
            "list_price": random.uniform(0.5, 20, rows),
            "life_days": random.choice([6.0, 30.0, 300.0], rows),
            "sales_days": np.full(rows, 28.0),
        }
    ).with_columns(
        as_of_ts=pl.lit(cutoff.cutoff_ts),
        cutoff_ts=pl.lit(cutoff.cutoff_ts),
        delivery_ts=pl.lit(cutoff.delivery_ts),
        covers_until_ts=pl.lit(cutoff.covers_until_ts),
    )


def _lots(day: date) -> pl.DataFrame:
    """Return two lots of every item."""
    rows = 2 * STORES * ITEMS
    store, item = np.divmod(np.arange(rows) // 2, ITEMS)
    return pl.DataFrame(
        {
            "store_id": [f"{s:02d}" for s in store],
            "shelf_id": [f"{i:04d}" for i in item],
            "expiry_date": [day + timedelta(days=3 + 4 * (n % 2)) for n in range(rows)],
            "quantity": np.random.default_rng(3).integers(1, 15, rows),
        }
    )
