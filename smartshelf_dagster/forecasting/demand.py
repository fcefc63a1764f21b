"""Demand behind sales: days without a sale, and hours in which there was nothing to sell.

Belongs here: the dense calendar, and what would have been sold. Everything is causal: a day's
figures come from that day and those before it, so that no feature can see the future through
them. Does not belong here: forecasts.

Sold and recovered demand are kept side by side. Imputing nothing says that nobody wanted what was
not there; a model trained on that orders less, and sells less.
"""

from datetime import date

import polars as pl

from smartshelf_dagster.errors import SmartShelfError

# Weight of a day against the day after it in the sales rate of an item.
RATE_DECAY = 0.9
# Days of its group's mean rate that an item's sales rate leans on.
RATE_PRIOR_DAYS = 0.25
# Days of the profile of all goods that the hourly profile of a group leans on.
PROFILE_PRIOR_DAYS = 20.0
# A whole day on which no trade is known of has no rate of its own.
_TINY = 1e-9
_HOURS = 24

KEY = ("unique_id", "ds")
# Columns of an item that do not change, and those planned for days to come.
STATIC = ("store", "category")
PLANNED = ("price", "promo", "holiday")
_MEASURED = ("y", "y_late", "y_in_stock", "lost_share", "lost_share_late")


class DemandError(SmartShelfError, ValueError):
    """Sales cannot be turned into demand; the message names field, value and expectation."""


def densify(sales: pl.DataFrame, until: date | None = None) -> pl.DataFrame:
    """Give every item a row for every day from its first to the last of all.

    Args:
        sales: One row per unique_id and ds with `y`; other columns as of `datasets.COLUMNS`. Rows
            whose `y` is null are days to come, with what is planned for them.
        until: Last day that has been observed; that of the newest `y` without.

    Returns:
        The rows, sorted, with days without a sale as 0 up to `until` and null after it; prices
        and static columns filled from the days before, promotions and holidays with none.

    Raises:
        DemandError: A key stands twice, or there is no sale at all.
    """
    observed = sales.filter(pl.col("y").is_not_null())
    if not observed.height:
        raise DemandError("y: no value at all, expected the sales of at least one day")
    twice = sales.filter(sales.select(KEY).is_duplicated())
    if twice.height:
        raise DemandError(
            f"unique_id, ds: {twice.select(KEY).row(0)} stands twice, expected one row per day"
        )
    last = until or observed["ds"].max()
    end = max(last, sales["ds"].max())  # type: ignore[type-var]
    # An item exists from its first row on: one listed but never sold has days of zero.
    spans = sales.group_by("unique_id").agg(first=pl.col("ds").min())
    days = spans.select(
        "unique_id", ds=pl.date_ranges("first", pl.lit(end), interval="1d")
    ).explode("ds")
    dense = days.join(sales, on=KEY, how="left").sort(KEY)
    is_past = pl.col("ds") <= last
    fills = [
        pl.when(is_past).then(pl.col(name).fill_null(0.0)).alias(name)
        for name in _MEASURED
        if name in dense.columns
    ]
    fills += [
        pl.col(name).forward_fill().backward_fill().over("unique_id")
        for name in STATIC
        if name in dense.columns
    ]
    if "price" in dense.columns:
        fills.append(pl.col("price").forward_fill().over("unique_id"))
    fills += [pl.col(name).fill_null(0.0) for name in ("promo", "holiday") if name in dense.columns]
    return dense.with_columns(fills)


def shares_of_hours(hourly: pl.DataFrame, cutoff_hour: int = 12) -> pl.DataFrame:
    """Turn hourly sales and stock-out flags into figures of a day.

    How much of a day's trade an empty hour stands for follows from the hours in which goods of
    the same category were there, on that day and before.

    Args:
        hourly: One row per unique_id and ds: category, `sold` and `is_out` (lists of 24: pieces
            sold in each hour, and 1 where it was out of stock).
        cutoff_hour: From here on a day is late, for supplier orders.

    Returns:
        unique_id, ds, y (sold in the day), y_late (from the cutoff on), y_in_stock (in hours with
        stock), lost_share and lost_share_late (share of a usual day's trade that falls into hours
        out of stock: of the whole day, and from the cutoff on), 0 to 1.
    """
    hours = (
        hourly.select(*KEY, "category", "sold", "is_out")
        .with_columns(hour=pl.lit(list(range(_HOURS))))
        .explode("sold", "is_out", "hour")
        .with_columns(is_in=1 - pl.col("is_out").cast(pl.Float64))
    )
    profile = _hour_profile(hours)
    is_late = pl.col("hour") >= cutoff_hour
    lost = pl.col("share") * (1 - pl.col("is_in"))
    sold = pl.col("sold").cast(pl.Float64)
    return (
        hours.join(profile, on=("category", "ds", "hour"))
        .group_by(KEY)
        .agg(
            y=sold.sum(),
            y_late=sold.filter(is_late).sum(),
            y_in_stock=(sold * pl.col("is_in")).sum(),
            lost_share=lost.sum().clip(0, 1),
            lost_share_late=lost.filter(is_late).sum().clip(0, 1),
        )
        .sort(KEY)
    )


def _hour_profile(hours: pl.DataFrame) -> pl.DataFrame:
    """Return the share of a day's trade in each hour, by category, from the days so far."""
    sums = (
        hours.group_by("category", "ds", "hour")
        .agg(sold=(pl.col("sold").cast(pl.Float64) * pl.col("is_in")).sum(), seen=pl.sum("is_in"))
        .sort("ds")
        .with_columns(pl.col("sold", "seen").cum_sum().over("category", "hour"))
    )
    overall = (
        sums.group_by("ds", "hour")
        .agg(pl.sum("sold", "seen"))
        .select("ds", "hour", rate=pl.col("sold") / pl.max_horizontal("seen", _TINY))
    )
    rate = (pl.col("sold") + PROFILE_PRIOR_DAYS * pl.col("rate")) / (
        pl.col("seen") + PROFILE_PRIOR_DAYS
    )
    total = pl.col("level").sum().over("category", "ds")
    return (
        sums.join(overall, on=("ds", "hour"))
        .with_columns(level=rate)
        .select(
            "category",
            "ds",
            "hour",
            share=pl.when(total > 0).then(pl.col("level") / total).otherwise(1 / _HOURS),
        )
    )


def recover(dense: pl.DataFrame) -> pl.DataFrame:
    """Add what would have been sold if there had been stock all the time.

    An item's sales rate is that of its in-stock time, the recent days counting most and the day
    itself most of all, leaning on the mean of its category while there is little of it.

    Args:
        dense: What `densify` returns. `lost_share` is the share of the day's trade that fell into
            a stock-out; without the column nothing was lost.

    Returns:
        The rows with `demand` (at least `y`), `demand_late` (of that, from the cutoff on; null
        where only whole days are known) and `in_stock` (share of the day's trade, 0 to 1).
    """
    nothing = pl.lit(0.0)
    columns = set(dense.columns)
    lost = pl.col("lost_share") if "lost_share" in columns else nothing
    late_lost = pl.col("lost_share_late") if "lost_share_late" in columns else nothing
    in_stock_sales = pl.col("y_in_stock") if "y_in_stock" in columns else pl.col("y")
    late = pl.col("y_late") if "y_late" in columns else pl.lit(None, pl.Float64)
    group = [name for name in ("category",) if name in columns]
    base = dense.with_columns(in_stock=1 - lost, _sold=in_stock_sales, _late_lost=late_lost)
    daily = (
        base.group_by(*group, "ds")
        .agg(_sold=pl.col("_sold").sum(), _stock=pl.col("in_stock").sum())
        .sort("ds")
    )
    so_far = [
        (pl.col(name).cum_sum().over(group) if group else pl.col(name).cum_sum())
        for name in ("_sold", "_stock")
    ]
    prior = daily.with_columns(so_far).select(
        *group, "ds", _prior=pl.col("_sold") / pl.max_horizontal("_stock", _TINY)
    )
    # The number of days an exponentially weighted mean stands for.
    seen = (1 - RATE_DECAY ** pl.int_range(1, pl.len() + 1)) / (1 - RATE_DECAY)
    rated = (
        base.join(prior, on=[*group, "ds"], how="left")
        .sort(KEY)
        .with_columns(
            _days=seen.over("unique_id"),
            _ew_sold=pl.col("_sold")
            .ewm_mean(alpha=1 - RATE_DECAY, ignore_nulls=True)
            .over("unique_id"),
            _ew_stock=pl.col("in_stock")
            .ewm_mean(alpha=1 - RATE_DECAY, ignore_nulls=True)
            .over("unique_id"),
        )
        .with_columns(
            _rate=(pl.col("_ew_sold") * pl.col("_days") + RATE_PRIOR_DAYS * pl.col("_prior"))
            / (pl.col("_ew_stock") * pl.col("_days") + RATE_PRIOR_DAYS)
        )
    )
    whole = pl.col("_sold") + pl.col("_rate") * (1 - pl.col("in_stock"))
    # Sales in hours flagged as empty count once: as sold, or as part of what is made up for.
    recovered = pl.when(pl.col("y").is_not_null()).then(pl.max_horizontal("y", whole))
    missing = pl.col("demand") - pl.col("y")
    late_part = pl.col("_late_lost") / pl.max_horizontal(1 - pl.col("in_stock"), _TINY)
    return (
        rated.with_columns(demand=recovered)
        .with_columns(demand_late=late + missing * late_part.clip(0, 1))
        .drop("_sold", "_late_lost", "_prior", "_days", "_ew_sold", "_ew_stock", "_rate")
    )
