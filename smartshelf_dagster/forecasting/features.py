"""What a model is shown of an item at a cutoff, and what it is to forecast.

Belongs here: features as of the origin, demand classes, targets. Only days before the origin count,
and of the day itself what was sold before the cutoff, where that is known; of the window to be
forecast only what is planned: its days, prices, promotions and holidays. One function serves
training and ordering. Does not belong here: models.

Features of amounts are relative to the item's own level, and so is the target: a tree cannot
extrapolate, but it can say "a third more than usual" of an item of any size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from smartshelf_dagster.forecasting.calendar import Window
from smartshelf_dagster.forecasting.metrics import sum_by
from smartshelf_dagster.forecasting.panel import Floats, Ints, Panel
from smartshelf_dagster.forecasting.smoothing import Smoothed, smooth

# An item without a sale for this long is taken as delisted, and nothing is forecast for it.
ACTIVE_DAYS = 91
# Days of history below which an item is new.
NEW_DAYS = 28
# Cut-offs of the mean interval between sale days and the squared coefficient of variation of their
# sizes. Source: Syntetos, Boylan and Croston, J. Oper. Res. Soc. 56 (2005).
ADI_CUTOFF = 1.32
CV2_CUTOFF = 0.49
CLASSES = ("smooth", "erratic", "intermittent", "lumpy", "new")
# Pieces of its group's mean day that an item's level leans on, in days.
LEVEL_PRIOR_DAYS = 2.0
# Same windows of the past that are looked at: a year's seasons are longer, a month's noise shorter.
SAME_WINDOWS = 8
# Of a window's trade, at least this share must have had stock for it to be learnt from or judged.
MIN_IN_STOCK = 0.5

_SPANS = (1, 3, 7, 14, 28, 56, 91, 182)
_CATEGORICAL = ("store", "category")
FEATURES = (
    "level_log",
    *(f"mean_{span}" for span in _SPANS),
    "sd_28", "max_same", "min_same", "last_same", "mean_same_4", "mean_same_8", "sd_same_8",
    "ets", "ets_sd", "tsb",
    "zero_share_28", "zero_share_91", "days_since_sale", "age", "sale_size", "morning",
    "origin_weekday", "first_weekday", "first_ahead", "trading_days", "month_day",
    "in_stock_7", "in_stock_28",
    "category_trend", "store_trend", "store_trend_long", "store_same", "category_same",
    "price_log", "price_relative", "promo", "promo_change", "promo_past", "holiday",
    "holiday_past",
    *_CATEGORICAL,
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """A forecast to make: seen from a column of the panel, for a window."""

    column: int
    window: Window


@dataclass(frozen=True)
class Examples:
    """Items at origins: what was known, and what came.

    Attributes:
        item: Row in the panel, shape (n,).
        column: Column of the origin.
        ends: Last column of the window.
        horizon: First whole day of the window.
        days: Length of the window in trading days.
        level: Usual demand of a day, in pieces, above 0.
        demand_class: Index into `CLASSES`.
        features: Columns as in `FEATURES`, shape (n, f); NaN where unknown.
        target: Demand of the window in pieces; NaN where it has not been observed.
        in_stock: In-stock share of the window, 0 to 1; NaN likewise.
    """

    item: Ints
    column: Ints
    ends: Ints
    horizon: Ints
    days: Floats
    level: Floats
    demand_class: Ints
    features: Floats
    target: Floats
    in_stock: Floats

    def __len__(self) -> int:
        return len(self.item)

    @property
    def scale(self) -> Floats:
        """Usual demand of the window, in pieces."""
        return self.level * self.days

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> "Examples":
        """Return some of the rows."""
        return Examples(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def frame(self, panel: Panel) -> pl.DataFrame:
        """Return the rows for people and tables: keys, level, class, features, target."""
        days = pl.Series(
            "origin", [panel.first_day + timedelta(days=int(c)) for c in self.column], pl.Date
        )
        keys = pl.DataFrame(
            {
                "unique_id": panel.items["unique_id"].gather(self.item),
                "origin": days,
                "horizon": self.horizon,
                "days": self.days,
                "level": self.level,
                "demand_class": [CLASSES[index] for index in self.demand_class],
                "target": self.target,
            }
        )
        return keys.hstack(pl.DataFrame(self.features, schema=list(FEATURES), orient="row"))


def concat(parts: Sequence[Examples]) -> Examples:
    """Put examples one after another."""
    return Examples(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(Examples)
        }
    )


def vocabulary(panel: Panel) -> dict[str, list[str]]:
    """Return the stores and categories of a panel, by which a model numbers them."""
    return {name: sorted(panel.items[name].drop_nulls().unique()) for name in _CATEGORICAL}


def build_examples(
    panel: Panel,
    origins: Iterable[Origin],
    known: Mapping[str, Sequence[str]] | None = None,
    smoothed: Mapping[int, Smoothed] | None = None,
) -> Examples:
    """Look at every active item from every origin.

    Args:
        panel: Demand and plans; where it ends before a window does, plans are unknown.
        origins: What to forecast, and from when.
        known: The `vocabulary` a model was trained with; that of the panel without. What is not
            in it counts as unknown.
        smoothed: What `smooth` returns for the origins' columns, where it is at hand.

    Returns:
        One row per origin and item that was on sale before it and not delisted since.
    """
    codes = _codes(panel, vocabulary(panel) if known is None else known)
    groups = {name: _dense_rank(panel.items, [name]) for name in _CATEGORICAL}
    origins = list(origins)
    smoothed = smoothed or smooth(panel, (origin.column for origin in origins))
    groups["both"] = _dense_rank(panel.items, list(_CATEGORICAL))
    views: dict[int, _View] = {}
    parts = []
    for origin in origins:
        if origin.column not in views:
            # Origins of one day come together; older views are not needed again.
            state = smoothed[origin.column]
            views = {origin.column: _View(panel, origin.column, codes, groups, state)}
        parts.append(views[origin.column].examples(origin.window))
    return concat(parts)


def _codes(panel: Panel, known: Mapping[str, Sequence[str]]) -> dict[str, Floats]:
    found = {}
    for name in _CATEGORICAL:
        place = {value: float(index) for index, value in enumerate(known[name])}
        found[name] = np.array([place.get(value, np.nan) for value in panel.items[name]])
    return found


def _dense_rank(items: pl.DataFrame, names: list[str]) -> Ints:
    return items.select(pl.struct(names).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


class _View:
    """The panel as it is known at a column."""

    def __init__(
        self,
        panel: Panel,
        column: int,
        codes: dict[str, Floats],
        groups: dict[str, Ints],
        smoothed: Smoothed,
    ) -> None:
        self._panel, self._at, self._smoothed = panel, column, smoothed
        since = column - panel.last_sales[:, column]
        is_active = (panel.starts < column) & (
            (since <= ACTIVE_DAYS) | (column - panel.starts <= NEW_DAYS)
        )
        self._rows = np.flatnonzero(is_active)
        self._codes = {name: values[self._rows] for name, values in codes.items()}
        self._groups = {name: values[self._rows] for name, values in groups.items()}
        self._age = column - panel.starts[self._rows]
        self._level = self._usual_day()
        self._class = self._classify()
        self._shared = self._features_of_the_item(since[self._rows])

    def _sum(self, sums: Floats, span: int) -> Floats:
        total: Floats = sums[self._rows, self._at] - sums[self._rows, max(self._at - span, 0)]
        return total

    def _mean(self, span: int) -> Floats:
        return self._sum(self._panel.demand_sums, span) / np.minimum(span, self._age)

    def _by_group(self, values: Floats, group: str) -> Floats:
        """Return the sum of each row's group, at the row."""
        codes = self._groups[group]
        return sum_by(codes, values, 0)[codes]

    def _usual_day(self) -> Floats:
        """Return the level: recent and longer mean, leaning on the group of a young item."""
        short, long = self._mean(28), self._mean(ACTIVE_DAYS)
        peers = self._by_group(short, "both") / self._by_group(np.ones_like(short), "both")
        own = np.minimum(self._age, 28)
        level = (own * (short + long) / 2 + LEVEL_PRIOR_DAYS * peers) / (own + LEVEL_PRIOR_DAYS)
        # Among items of which none has sold, any level is as good as another.
        return np.maximum(level, 1e-3)

    def _classify(self) -> Ints:
        span = np.minimum(ACTIVE_DAYS, self._age)
        sale_days = np.maximum(self._sum(self._panel.sale_day_sums, ACTIVE_DAYS), 1)
        size = self._sum(self._panel.demand_sums, ACTIVE_DAYS) / sale_days
        square = self._sum(self._panel.square_sums, ACTIVE_DAYS) / sale_days
        spread = np.maximum(square - size**2, 0) / np.maximum(size**2, 1e-12)
        is_rare, is_uneven = span / sale_days >= ADI_CUTOFF, spread >= CV2_CUTOFF
        grade: Ints = np.where(self._age < NEW_DAYS, 4, 2 * is_rare + is_uneven).astype(np.int8)
        return grade

    def _features_of_the_item(self, since: Ints) -> dict[str, Floats]:
        panel, level = self._panel, self._level
        mean_28 = self._mean(28)
        square_28 = self._sum(panel.square_sums, 28) / np.minimum(28, self._age)
        sale_days = self._sum(panel.sale_day_sums, ACTIVE_DAYS)
        age = self._age
        shared: dict[str, Floats] = {
            "level_log": np.log(level),
            "sd_28": np.sqrt(np.maximum(square_28 - mean_28**2, 0)) / level,
            "zero_share_28": 1 - self._sum(panel.sale_day_sums, 28) / np.minimum(28, age),
            "zero_share_91": 1 - sale_days / np.minimum(ACTIVE_DAYS, age),
            "days_since_sale": np.minimum(since, age),
            "age": age.astype(np.float64),
            "ets_sd": np.sqrt(self._smoothed.ets_variance[self._rows]) / level,
            "tsb": self._smoothed.tsb[self._rows] / level,
            "sale_size": self._sum(panel.demand_sums, ACTIVE_DAYS) / np.maximum(sale_days, 1)
            / level,
            "in_stock_7": self._sum(panel.stock_sums, 7) / np.minimum(7, age),
            "in_stock_28": self._sum(panel.stock_sums, 28) / np.minimum(28, age),
            **self._codes,
        }  # fmt: skip
        for span in _SPANS:
            # A span that began before the item did repeats a shorter one.
            shared[f"mean_{span}"] = np.where(age >= span / 2, self._mean(span) / level, np.nan)
        for name in _CATEGORICAL:
            shared[f"{name}_trend"] = self._trend(name, 7, 28)
        shared["store_trend_long"] = self._trend("store", 28, ACTIVE_DAYS)
        if panel.sold_late is not None and self._at < panel.days:
            # As sold: what stock-outs of this day hid is reckoned from its afternoon, too.
            known = panel.sold[self._rows, self._at] - panel.sold_late[self._rows, self._at]
            shared["morning"] = known / level
        return shared

    def _trend(self, group: str, short: int, long: int) -> Floats:
        """Return the daily mean of a group over a short span, relative to a longer one."""
        recent, usual = (
            self._by_group(self._sum(self._panel.demand_sums, span), group) / min(span, self._at)
            for span in (short, long)
        )
        return np.where(usual > 0, recent / np.maximum(usual, 1e-12), np.nan)

    def examples(self, window: Window) -> Examples:
        """Return the rows of one window."""
        panel, at, rows = self._panel, self._at, self._rows
        days = panel.trading_days(at, window)
        found = self._shared | self._features_of_the_window(window, days)
        features = np.full((len(rows), len(FEATURES)), np.nan, dtype=np.float32)
        for index, name in enumerate(FEATURES):
            if name in found:
                features[:, index] = found[name]
        is_observed = at + window.end < panel.observed
        nothing = np.full(len(rows), np.nan)
        return Examples(
            item=rows,
            column=np.full(len(rows), at),
            ends=np.full(len(rows), at + window.end),
            horizon=np.full(len(rows), window.first, dtype=np.int16),
            days=np.full(len(rows), days),
            level=self._level,
            demand_class=self._class,
            features=features,
            target=panel.window_sums(at, window)[rows] if is_observed else nothing,
            in_stock=panel.in_stock_share(at, window)[rows] if is_observed else nothing,
        )

    def _features_of_the_window(self, window: Window, days: float) -> dict[str, Floats]:
        usual = self._level * days
        past = same_windows(self._panel, self._at, window)[self._rows]
        known = np.isfinite(past)
        counts = known.sum(axis=1)
        has_some = counts > 0

        def over(values: Floats) -> Floats:
            return np.where(has_some, values / usual, np.nan)

        filled = np.where(known, past, 0)
        mean = filled.sum(axis=1) / np.maximum(counts, 1)
        recent = filled[:, :4].sum(axis=1) / np.maximum(known[:, :4].sum(axis=1), 1)
        variance = (np.where(known, past - mean[:, None], 0) ** 2).sum(axis=1)
        newest = filled[np.arange(len(past)), np.argmax(known, axis=1)]
        weekday = self._panel.day(self._at).weekday()
        first = 0 if window.rest_of_day > 0 else window.first
        found: dict[str, Floats] = {
            "last_same": over(newest),
            "mean_same_8": over(mean),
            "mean_same_4": over(recent),
            "sd_same_8": over(np.sqrt(variance / np.maximum(counts, 1))),
            "ets": self._smoothed.ets(self._at, window, days)[self._rows] / usual,
            "max_same": over(np.where(known, past, -np.inf).max(axis=1)),
            "min_same": over(np.where(known, past, np.inf).min(axis=1)),
            "first_ahead": np.full(len(past), first),
            "trading_days": np.full(len(past), days),
            "origin_weekday": np.full(len(past), weekday),
            "first_weekday": np.full(len(past), (weekday + first) % 7),
            "month_day": np.full(len(past), self._panel.day(self._at + first).day),
        }
        for name in _CATEGORICAL:
            # Sums of peers are calmer than one item: the weekly pattern, and shocks last week.
            usual_of_all, newest_of_all = (
                self._by_group(values, name) for values in (usual, newest)
            )
            found[f"{name}_same"] = newest_of_all / usual_of_all
        return found | self._plans(window)

    def _plans(self, window: Window) -> dict[str, Floats]:
        """Return what is planned for the window, and how that differs from the past."""
        panel, at, rows = self._panel, self._at, self._rows
        first = at if window.rest_of_day > 0 else at + window.first
        ahead = slice(first, at + window.end + 1)
        behind = slice(max(at - 28, 0), at)
        found: dict[str, Floats] = {}
        if ahead.stop > panel.days:
            return found
        if panel.price is not None:
            planned = _mean_above_zero(panel.price[rows, ahead])
            before = _mean_above_zero(panel.price[rows, behind])
            found["price_log"] = np.log(planned)
            found["price_relative"] = planned / before
        if panel.promo is not None:
            found["promo"] = panel.promo[rows, ahead].mean(axis=1)
            lived = np.minimum(self._age, at - behind.start)
            found["promo_past"] = panel.promo[rows, behind].sum(axis=1) / lived
            found["promo_change"] = found["promo"] - found["promo_past"]
        if panel.holiday is not None:
            found["holiday"] = panel.holiday[rows, ahead].mean(axis=1)
            found["holiday_past"] = panel.holiday[rows, max(at - 7, 0) : at].mean(axis=1)
        return found


def same_windows(panel: Panel, column: int, window: Window) -> Floats:
    """Return the demand in the same window of the past weeks, newest first.

    Args:
        panel: Demand.
        column: Origin.
        window: As seen from the origin.

    Returns:
        Shape (items, SAME_WINDOWS); NaN where the item was not on sale yet. Only windows that had
        ended before the origin's day began.
    """
    weeks = range(window.end // 7 + 1, window.end // 7 + 1 + SAME_WINDOWS)
    past = np.full((len(panel.starts), SAME_WINDOWS), np.nan)
    for place, week in enumerate(weeks):
        back = column - 7 * week
        if back >= 0:
            begun = panel.starts <= back
            past[begun, place] = panel.window_sums(back, window)[begun]
    return past


def _mean_above_zero(prices: Floats) -> Floats:
    known = prices > 0
    counts = known.sum(axis=1)
    total = np.where(known, prices, 0).sum(axis=1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
