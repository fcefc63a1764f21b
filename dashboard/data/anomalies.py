"""Hours in which sales were not as usual."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboard import serving


@dataclass(frozen=True)
class Series:
    """What is watched.

    Attributes:
        scope_type: all, store, category, store_category or item.
        scope_id: Which of them.
        currency: ISO 4217.
    """

    scope_type: str
    scope_id: str
    currency: str


@dataclass(frozen=True)
class Method:
    """How it is judged.

    Attributes:
        name: As in the tables.
        grain: hour or day.
        least_score: Scores that reach it are marked, of what the method marks.
        is_graded: Whether the score alone decides, so that less can be asked for than the method
            marks by itself.
    """

    name: str
    grain: str
    least_score: float = 0.0
    is_graded: bool = False


_ACKNOWLEDGED = """
    select
        scope_type, scope_id, currency, grain, bucket_start, direction, actor, note, acknowledged_ts
    from ops.anomaly_acknowledgements
"""
# Files from before anybody could acknowledge have none.
_NONE_ACKNOWLEDGED = """
    select
        '' as scope_type, '' as scope_id, '' as currency, '' as grain,
        null::timestamptz as bucket_start, '' as direction, '' as actor, '' as note,
        null::timestamptz as acknowledged_ts
    where false
"""
# What an acknowledgement is of, whatever metric and method: the rows of scores that it fits.
ACKNOWLEDGED_BY = "(scope_type, scope_id, currency, grain, bucket_start, direction)"
_COLUMNS = """
    scope_type, scope_id, currency, metric, grain, method, bucket_start,
    cast("value" as double) as "value", baseline, lower_band, upper_band, score, is_anomaly,
    direction, severity, is_open, is_holiday
"""
_HOURLY = f"select {_COLUMNS} from analytics.sales_anomalies"
_NIGHTLY = f"select {_COLUMNS} from analytics.nightly_anomalies"
# A store's own series, if the store is chosen, and those of all stores together.
_CHOSEN = """
    list_contains($currencies, currency) and metric = $metric and method = $method
    and grain = $grain
    and (scope_type not in ('store', 'store_category')
        or list_contains($store_ids, split_part(scope_id, '/', 1)))
"""
_MARKED = """
    (is_anomaly and abs(score) >= $least_score or $is_graded and abs(score) > $least_score)
"""


def _scores() -> str:
    """Return the scores of the hour and, once there was a night, of the night."""
    has_nights = serving.has_table("analytics", "nightly_anomalies")
    return f"{_HOURLY} union all {_NIGHTLY}" if has_nights else _HOURLY


def acknowledged() -> str:
    """Return the SELECT of what was acknowledged: `ACKNOWLEDGED_BY`, by whom, why and when."""
    is_known = serving.has_table("ops", "anomaly_acknowledgements")
    return _ACKNOWLEDGED if is_known else _NONE_ACKNOWLEDGED


def series(
    store_ids: list[str], currencies: list[str], metric: str, method: Method
) -> list[Series]:
    """Return what is watched by a method; stores only if they are chosen.

    Args:
        store_ids: The chosen stores.
        currencies: Theirs.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
    """
    rows = serving.query(
        f"""
        select distinct scope_type, scope_id, currency
        from ({_scores()})
        where {_CHOSEN}
        order by scope_type, scope_id, currency
        """,
        store_ids=store_ids,
        currencies=currencies,
        metric=metric,
        method=method.name,
        grain=method.grain,
    ).rows()
    return [Series(*row) for row in rows]


def methods(metric: str) -> list[tuple[str, str]]:
    """Return the methods by which a metric is judged, each with its grain."""
    return serving.query(
        f"""
        select distinct method, grain
        from ({_scores()})
        where metric = $metric
        order by grain desc, method
        """,
        metric=metric,
    ).rows()


def hours(of: Series, metric: str, method: Method, since: datetime) -> pl.DataFrame:
    """Return hours or days of a series with what was to be expected, from a time on.

    is_anomaly says whether the score reaches what the method asks for.

    Args:
        of: The series.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
        since: First hour.
    """
    return serving.query(
        f"""
        select
            bucket_start, "value", baseline, lower_band, upper_band, score,
            coalesce({_MARKED}, false) as is_anomaly,
            coalesce(direction, case when score > 0 then 'high' else 'low' end) as direction,
            severity, is_open, is_holiday
        from ({_scores()})
        where scope_type = $scope_type and scope_id = $scope_id and currency = $currency
            and metric = $metric and method = $method and grain = $grain
            and bucket_start >= $since
        order by bucket_start
        """,
        scope_type=of.scope_type,
        scope_id=of.scope_id,
        currency=of.currency,
        metric=metric,
        method=method.name,
        grain=method.grain,
        least_score=method.least_score,
        is_graded=method.is_graded,
        since=since,
    )


def flagged(
    store_ids: list[str], currencies: list[str], metric: str, method: Method, since: datetime
) -> pl.DataFrame:
    """Return all hours or days that were not as usual, the newest first, in every series.

    is_acknowledged says whether somebody has looked at it, acknowledged_by, note and
    acknowledged_ts who was the first, and when.
    """
    return serving.query(
        f"""
        with marked as (
            select
                scope_type, scope_id, currency, grain, bucket_start, "value", baseline, score,
                coalesce(direction, case when score > 0 then 'high' else 'low' end) as direction,
                severity, is_open, is_holiday
            from ({_scores()})
            where {_MARKED} and {_CHOSEN} and bucket_start >= $since
        )

        select
            marked.*,
            known.acknowledged_ts is not null as is_acknowledged,
            known.actor as acknowledged_by,
            known.note,
            known.acknowledged_ts
        from marked
        left join ({acknowledged()}) as known using {ACKNOWLEDGED_BY}
        order by bucket_start desc, abs(score) desc, scope_type, scope_id
        """,
        store_ids=store_ids,
        currencies=currencies,
        metric=metric,
        method=method.name,
        grain=method.grain,
        least_score=method.least_score,
        is_graded=method.is_graded,
        since=since,
    )


def by_series(found: pl.DataFrame) -> pl.DataFrame:
    """Count rows of `flagged` by series: marked, high, low, mean_score, last; the most first."""
    keys = ["scope_type", "scope_id", "currency"]
    return (
        found.group_by(keys)
        .agg(
            pl.len().alias("marked"),
            (pl.col("direction") == "high").sum().alias("high"),
            (pl.col("direction") == "low").sum().alias("low"),
            pl.col("score").abs().mean().alias("mean_score"),
            pl.col("bucket_start").max().alias("last"),
        )
        .sort(["marked", *keys], descending=[True, False, False, False])
    )


def newest(currencies: list[str]) -> datetime | None:
    """Return the newest hour that is judged."""
    rows = serving.query(
        """
        select max(bucket_start)
        from analytics.sales_anomalies
        where list_contains($currencies, currency) and grain = 'hour'
        """,
        currencies=currencies,
    ).rows()
    found: datetime | None = rows[0][0]
    return found
