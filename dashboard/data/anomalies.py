"""Hours in which sales were not as usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboard import serving
from dashboard.data import items


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
# A store's own series, if the store is chosen, and those of all stores together; of categories, if
# some are chosen, only those of them and of their items.
_CHOSEN = """
    list_contains($currencies, currency) and metric = $metric and method = $method
    and grain = $grain
    and (scope_type not in ('store', 'store_category')
        or list_contains($store_ids, split_part(scope_id, '/', 1)))
    and (len($categories::varchar[]) = 0
        or case scope_type
            when 'category' then list_contains($categories::varchar[], scope_id)
            when 'store_category' then list_contains(
                $categories::varchar[], substr(scope_id, instr(scope_id, '/') + 1)
            )
            when 'item' then list_contains($items::varchar[], scope_id)
            else false
        end)
"""
_IN_PERIOD = """
    ($since::timestamptz is null or bucket_start >= $since::timestamptz)
    and ($until::timestamptz is null or bucket_start < $until::timestamptz)
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


def _goods(categories: Sequence[str]) -> dict[str, list[str]]:
    return {
        "categories": list(categories),
        "items": items.of_categories(categories) if categories else [],
    }


def series(
    store_ids: list[str],
    currencies: list[str],
    metric: str,
    method: Method,
    categories: Sequence[str] = (),
) -> list[Series]:
    """Return what is watched by a method; stores only if they are chosen.

    Args:
        store_ids: The chosen stores.
        currencies: Theirs.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
        categories: Only series of these; none means all.
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
        **_goods(categories),
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


def hours(
    of: Series,
    metric: str,
    method: Method,
    since: datetime | None,
    until: datetime | None = None,
) -> pl.DataFrame:
    """Return hours or days of a series with what was to be expected.

    is_anomaly says whether the score reaches what the method asks for.

    Args:
        of: The series.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
        since: First hour; `None` begins with the first that is judged.
        until: End of the last hour; `None` ends with the newest.
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
            and {_IN_PERIOD}
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
        until=until,
    )


def flagged(
    store_ids: list[str],
    currencies: list[str],
    metric: str,
    method: Method,
    since: datetime | None,
    *,
    until: datetime | None = None,
    categories: Sequence[str] = (),
) -> pl.DataFrame:
    """Return all hours or days that were not as usual, the newest first, in every series.

    is_acknowledged says whether somebody has looked at it, acknowledged_by, note and
    acknowledged_ts who was the first, and when.

    Args:
        store_ids: The chosen stores.
        currencies: Theirs.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
        since: First hour; `None` begins with the first that is judged.
        until: End of the last hour; `None` ends with the newest.
        categories: Only series of these; none means all.
    """
    return serving.query(
        f"""
        with marked as (
            select
                scope_type, scope_id, currency, grain, bucket_start, "value", baseline, score,
                coalesce(direction, case when score > 0 then 'high' else 'low' end) as direction,
                severity, is_open, is_holiday
            from ({_scores()})
            where {_MARKED} and {_CHOSEN} and {_IN_PERIOD}
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
        until=until,
        **_goods(categories),
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
