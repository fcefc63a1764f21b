"""Made-up sales for the forecasting tests."""

import datetime as dt

import numpy as np
import polars as pl

from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.panel import Panel, build_panel

FIRST_DAY = dt.date(2025, 1, 6)  # a Monday
WEEK = np.array([1.0, 0.8, 0.9, 1.0, 1.3, 1.6, 0.4])


def frame(values: dict[str, list[float | None]], **columns: dict[str, list[float]]) -> pl.DataFrame:
    """One item per key, one value per day from FIRST_DAY on; zeros have rows too."""
    rows = []
    for name, series in values.items():
        for index, value in enumerate(series):
            extra = {column: of_item[name][index] for column, of_item in columns.items()}
            row = {"unique_id": name, "ds": FIRST_DAY + dt.timedelta(days=index), "y": value}
            rows.append(row | extra)
    return pl.DataFrame(rows, schema_overrides={"y": pl.Float64})


def panel_of(sales: pl.DataFrame) -> Panel:
    return build_panel(recover(densify(sales)))


def market(items: int = 60, days: int = 150, seed: int = 7) -> pl.DataFrame:
    """Negative binomial sales with weekdays, levels from 0.3 to 30, two stores, promotions."""
    random = np.random.default_rng(seed)
    level = np.exp(random.uniform(np.log(0.3), np.log(30), items))
    promo = (random.random((items, days)) < 0.15) * 0.3
    rate = level[:, None] * WEEK[np.arange(days) % 7] * (1 + 6 * promo)
    sold = random.negative_binomial(2, 2 / (2 + rate))
    late = random.binomial(sold, 9 / 13)
    index = np.arange(items * days)
    item, day = index // days, index % days
    return pl.DataFrame(
        {
            "unique_id": [f"s{i % 2}-{i:03d}" for i in item],
            "ds": [FIRST_DAY + dt.timedelta(days=int(d)) for d in day],
            "y": sold.ravel().astype(float),
            "y_late": late.ravel().astype(float),
            "store": [f"s{i % 2}" for i in item],
            "category": [f"c{i % 5}" for i in item],
            "promo": promo.ravel(),
        }
    )


def lake_panel(first_day: dt.date, items: int = 20, days: int = 110) -> Panel:
    """The market as the stores S001 and S002 of a lake would have sold it."""
    sales = market(items, days).with_columns(
        unique_id=pl.format("S00{}/ITEM{}", pl.col("store").str.slice(1).cast(pl.Int8) + 1,
                            pl.col("unique_id").str.slice(3)),
        store=pl.format("S00{}", pl.col("store").str.slice(1).cast(pl.Int8) + 1),
        ds=pl.col("ds") + (first_day - FIRST_DAY),
    )  # fmt: skip
    return panel_of(sales)
