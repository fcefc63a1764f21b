"""Training on a year of ten stores, and the forecast for a cutoff of all of them."""

import resource
import time
from datetime import date, timedelta

import numpy as np
import polars as pl

from benchmarks.common import Figure
from smartshelf_dagster.forecasting.calendar import protection_intervals, window_between
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.features import Origin, build_examples, vocabulary
from smartshelf_dagster.forecasting.model import train
from smartshelf_dagster.forecasting.panel import Panel, build_panel

STORES, ITEMS, DAYS = 10, 1142, 365
CATEGORIES = 29
STOCK_OUTS, PROMOTIONS = 0.05, 0.08
FIRST_DAY = date(2025, 1, 1)
# Cutoffs before these days have too little history to learn from.
FIRST_COLUMN = 28
_WEEK = np.array([1.0, 1.3, 1.6, 0.4, 1.0, 0.8, 0.9])


def run() -> list[Figure]:
    """Measure once: a training takes minutes, and varies little."""
    sales = made_up_sales(STORES, ITEMS)
    started = time.perf_counter()
    panel = build_panel(recover(densify(sales)))
    origins = _origins(panel)
    examples = build_examples(panel, origins)
    prepared = time.perf_counter()
    model = train(examples, vocabulary(panel))
    trained = time.perf_counter()
    model.predict(build_examples(panel, origins[-1:], model.vocabulary))
    forecast = time.perf_counter()
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    of = f"{STORES} stores x {ITEMS:,} items x {DAYS} days, {sales.height:,} rows"
    return [
        Figure(
            "forecast", (prepared - started,), "s",
            f"{of}; demand and features of {len(examples):,} protection intervals",
        ),
        Figure(
            "forecast", (trained - prepared,), "s",
            f"training and calibration, {model.settings.max_rows:,} intervals sampled, one thread",
        ),
        Figure("forecast", (forecast - trained,), "s", "forecast of one cutoff of all stores"),
        Figure("forecast", (peak_gib,), "GiB", "most memory of the process"),
    ]  # fmt: skip


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


def _origins(panel: Panel) -> list[Origin]:
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    found = [
        Origin(panel.column(cutoff.date()), window_between(cutoff, until))
        for cutoff, until in cutoffs.select("cutoff_ts", "covers_until_ts").iter_rows()
    ]
    return [origin for origin in found if origin.column >= FIRST_COLUMN]
