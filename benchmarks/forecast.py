"""Training of both families of models on a year of ten stores; `orders` measures forecasts."""

import resource
import time
from datetime import date, timedelta

import numpy as np
import polars as pl

from benchmarks.common import Figure
from smartshelf_dagster.forecasting.calendar import protection_intervals
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.panel import build_panel
from smartshelf_dagster.forecasting.promotion import train_family
from smartshelf_dagster.forecasting.tables import DAYS as DAYS_AHEAD
from smartshelf_dagster.forecasting.tables import ORDERS

STORES, ITEMS, DAYS = 10, 1142, 365
CATEGORIES = 29
STOCK_OUTS, PROMOTIONS = 0.05, 0.08
FIRST_DAY = date(2025, 1, 1)
_WEEK = np.array([1.0, 1.3, 1.6, 0.4, 1.0, 0.8, 0.9])


def run() -> list[Figure]:
    """Measure once: a training takes minutes, and varies little."""
    sales = made_up_sales(STORES, ITEMS)
    started = time.perf_counter()
    panel = build_panel(recover(densify(sales)))
    prepared = time.perf_counter()
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    of = f"{STORES} stores x {ITEMS:,} items x {DAYS} days, {sales.height:,} rows"
    figures = [Figure("forecast: demand recovered", (prepared - started,), "s", of)]
    for family in (ORDERS, DAYS_AHEAD):
        begun = time.perf_counter()
        trained = train_family(panel, cutoffs, family)
        method = (
            f"family {family}: features of {len(trained.examples):,} windows, of which "
            f"{trained.model.settings.max_rows:,} are sampled; training, calibration, and what the "
            "model and the baselines say of what is held out"
        )
        figures.append(
            Figure(f"forecast: training of {family}", (time.perf_counter() - begun,), "s", method)
        )
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [*figures, Figure("forecast: memory", (peak_gib,), "GiB", "most memory of the process")]


def made_up_sales(stores: int, items: int) -> pl.DataFrame:
    """Return a year of sales in the tidy form; `unique_id` is `<store>/<item>`."""
    random = np.random.default_rng(1)
    rows = stores * items
    level = np.exp(random.uniform(np.log(0.3), np.log(30), rows))
    sold = random.poisson(level[:, None] * _WEEK[np.arange(DAYS) % 7]).ravel()
    days = pl.date_range(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS - 1), eager=True)
    store, item = np.divmod(np.arange(rows), items)
    goods = pl.DataFrame(
        {
            "unique_id": [f"{s:02d}/{i:04d}" for s, i in zip(store, item, strict=True)],
            "store": [f"{s:02d}" for s in store],
            "category": [f"{i % CATEGORIES:02d}" for i in item],
        }
    )
    return goods.join(days.to_frame("ds"), how="cross").with_columns(
        y=pl.Series(sold, dtype=pl.Float64),
        y_late=pl.Series(random.binomial(sold, 9 / 13), dtype=pl.Float64),
        lost_share=pl.Series((random.random(len(sold)) < STOCK_OUTS) * 0.3),
        promo=pl.Series((random.random(len(sold)) < PROMOTIONS) * 0.2),
    )
