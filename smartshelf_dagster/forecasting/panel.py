"""Demand as matrices of items and days, for work on all items at once.

Belongs here: the layout, sums over spans of days, sums over windows. Does not belong here: what a
model sees of it (`features.py`).
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.calendar import Window
from smartshelf_dagster.forecasting.demand import KEY

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
_MATRICES = ("y", "y_late", "demand", "demand_late", "in_stock", "price", "promo", "holiday")


class PanelError(SmartShelfError, ValueError):
    """A frame cannot become a panel; the message names the column and what was expected."""


@dataclass(frozen=True)
class Panel:
    """Items by days.

    Attributes:
        items: One row per item: unique_id, store, category (null where there is none).
        first_day: Date of column 0.
        observed: Columns with demand; those after it only have what is planned.
        starts: First column of each item, shape (items,).
        sold: Pieces sold, shape (items, days); 0 before an item's start.
        sold_late: Part of `sold` after the cutoff; None where only whole days are known.
        demand: Pieces sold or missed in stock-outs, same shape.
        late: Part of `demand` after the cutoff; None where only whole days are known.
        in_stock: Share of the day's trade with stock, 0 to 1.
        price: Planned price; None where unknown.
        promo: Planned discount or promotion, 0 is none; None where unknown.
        holiday: Holiday, 0 or 1; None where unknown.
    """

    items: pl.DataFrame
    first_day: date
    observed: int
    starts: Ints
    sold: Floats
    sold_late: Floats | None
    demand: Floats
    late: Floats | None
    in_stock: Floats
    price: Floats | None
    promo: Floats | None
    holiday: Floats | None

    @property
    def days(self) -> int:
        """Number of columns, planned days included."""
        return int(self.demand.shape[1])

    def day(self, column: int) -> date:
        """Return the date of a column."""
        return self.first_day + timedelta(days=column)

    def column(self, day: date) -> int:
        """Return the column of a date, which may lie outside the panel."""
        return (day - self.first_day).days

    @cached_property
    def demand_sums(self) -> Floats:
        """Demand before each column, shape (items, days + 1)."""
        return _running(self.demand)

    @cached_property
    def sold_sums(self) -> Floats:
        """Pieces sold before each column."""
        return _running(self.sold)

    @cached_property
    def square_sums(self) -> Floats:
        """Squared daily demand before each column."""
        return _running(self.demand.astype(np.float64) ** 2)

    @cached_property
    def sale_day_sums(self) -> Floats:
        """Days with demand before each column."""
        return _running(self.demand > 0)

    @cached_property
    def stock_sums(self) -> Floats:
        """In-stock days before each column."""
        return _running(self.in_stock)

    @cached_property
    def last_sales(self) -> Ints:
        """Last column with demand before each column, -1 for none, shape (items, days + 1)."""
        marks = np.where(self.demand > 0, np.arange(self.days, dtype=np.int32), np.int32(-1))
        before = np.full((len(self.starts), self.days + 1), -1, dtype=np.int32)
        np.maximum.accumulate(marks, axis=1, out=before[:, 1:])
        return before

    def truncated(self, column: int) -> "Panel":
        """Return what was known when a column began: its late part and what follows is not.

        The part of the day before the cutoff was known, if parts of days are.
        """
        hidden = np.arange(self.days) >= column
        sold = np.where(hidden, 0, self.sold)
        if self.sold_late is not None:
            sold[:, column] = self.sold[:, column] - self.sold_late[:, column]
        return replace(
            self,
            observed=min(self.observed, column),
            sold=sold,
            sold_late=None if self.sold_late is None else np.where(hidden, 0, self.sold_late),
            demand=np.where(hidden, 0, self.demand),
            late=None if self.late is None else np.where(hidden, 0, self.late),
            in_stock=np.where(hidden, 1, self.in_stock).astype(self.in_stock.dtype),
        )

    def window_sums(self, column: int, window: Window) -> Floats:
        """Return the demand of each item in a window seen from a column, shape (items,).

        Where only whole days are known, the day of the cutoff counts whole.
        """
        return self._over(self.demand_sums, self.demand, self.late, column, window)

    def sold_in(self, column: int, window: Window) -> Floats:
        """Return what each item sold in a window seen from a column, shape (items,)."""
        return self._over(self.sold_sums, self.sold, self.sold_late, column, window)

    def in_stock_share(self, column: int, window: Window) -> Floats:
        """Return the mean in-stock share of a window, shape (items,)."""
        days = max(window.end - window.first + 1, 0) + (window.rest_of_day > 0)
        summed = self._over(self.stock_sums, self.in_stock, None, column, replace(window, tail=0))
        if window.tail > 0:
            summed = summed + self.in_stock[:, column + window.end]
        return summed / days

    @staticmethod
    def _over(
        sums: Floats, daily: Floats, late: Floats | None, column: int, window: Window
    ) -> Floats:
        total = sums[:, column + window.last + 1] - sums[:, column + window.first]
        if window.rest_of_day > 0:
            total = total + (daily if late is None else late)[:, column]
        if window.tail > 0:
            total = total + window.tail * daily[:, column + window.end]
        return total

    def trading_days(self, column: int, window: Window) -> float:
        """Return the length of a window in days of usual trade, as `window_sums` counts them.

        How much of a day comes after the cutoff is what did before this column; the opening hours
        decide where nothing has been sold yet.
        """
        if window.rest_of_day == 0:
            return window.trading_days
        rest = 1.0
        if self.late is not None:
            sold = self.demand_sums[:, column].sum()
            rest = float(self._late_sold[column] / sold) if sold > 0 else window.rest_of_day
        return window.trading_days - window.rest_of_day + rest

    @cached_property
    def _late_sold(self) -> Floats:
        late = np.zeros(self.days) if self.late is None else self.late.sum(axis=0)
        return np.concatenate([[0.0], np.cumsum(late, dtype=np.float64)])


def _running(values: Floats | npt.NDArray[np.bool_]) -> Floats:
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, dtype=np.float64, out=sums[:, 1:])
    return sums


def build_panel(dense: pl.DataFrame) -> Panel:
    """Lay a dense frame out as matrices.

    Args:
        dense: What `demand.recover` returns: each item has every day from its first on.

    Returns:
        The panel; `unique_id` in alphabetical order.

    Raises:
        PanelError: A column is missing.
    """
    missing = [name for name in (*KEY, "y", "demand", "in_stock") if name not in dense.columns]
    if missing:
        raise PanelError(f"columns {', '.join(missing)} are missing, expected a recovered frame")
    # min and max of a frame with rows are dates.
    first_day: date = dense["ds"].min()  # type: ignore[assignment]
    last_day: date = dense["ds"].max()  # type: ignore[assignment]
    last_sale: date = dense.filter(pl.col("y").is_not_null())["ds"].max()  # type: ignore[assignment]
    days = (last_day - first_day).days + 1
    column = (pl.col("ds") - pl.lit(first_day)).dt.total_days()
    static = [name for name in ("store", "category") if name in dense.columns]
    items = (
        dense.group_by("unique_id")
        .agg(*(pl.col(name).first() for name in static), start=column.min())
        .sort("unique_id")
        .with_columns(
            pl.lit(None, pl.String).alias(n) for n in ("store", "category") if n not in static
        )
    )
    row = items.select("unique_id", row=pl.int_range(pl.len()))
    placed = dense.join(row, on="unique_id").with_columns(column=column)
    at = placed["row"].to_numpy(), placed["column"].to_numpy()

    def matrix(name: str) -> Floats | None:
        if name not in dense.columns or placed[name].null_count() == placed.height:
            return None
        values = np.zeros((items.height, days), dtype=np.float32)
        values[at] = placed[name].cast(pl.Float32).fill_null(0).to_numpy()
        return values

    found = {name: matrix(name) for name in _MATRICES}
    sold, demand, in_stock = (found[name] for name in ("y", "demand", "in_stock"))
    if sold is None or demand is None or in_stock is None:
        raise PanelError("y: no value at all, expected the sales of at least one day")
    return Panel(
        items=items.select("unique_id", "store", "category"),
        first_day=first_day,
        observed=(last_sale - first_day).days + 1,
        starts=items["start"].to_numpy(),
        sold=sold,
        sold_late=found["y_late"],
        demand=demand,
        late=found["demand_late"],
        in_stock=in_stock,
        price=found["price"],
        promo=found["promo"],
        holiday=found["holiday"],
    )
