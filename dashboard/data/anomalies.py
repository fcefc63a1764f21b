"""Hours in which sales were not as usual."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboard import serving


@dataclass(frozen=True)
class Series:
    """What is watched.

    Attributes:
        scope_type: all, store or category.
        scope_id: Which of them.
        currency: ISO 4217.
    """

    scope_type: str
    scope_id: str
    currency: str


def series(store_ids: list[str], currencies: list[str]) -> list[Series]:
    """Return what is watched; stores only if they are chosen.

    Args:
        store_ids: The chosen stores.
        currencies: Theirs.
    """
    rows = serving.query(
        """
        select distinct scope_type, scope_id, currency
        from analytics.sales_anomalies
        where list_contains($currencies, currency) and grain = 'hour'
            and scope_type in ('all', 'store', 'category')
            and (scope_type <> 'store' or list_contains($store_ids, scope_id))
        order by scope_type, scope_id, currency
        """,
        currencies=currencies,
        store_ids=store_ids,
    ).rows()
    return [Series(*row) for row in rows]


def methods() -> list[str]:
    """Return the methods by which hours are judged."""
    return (
        serving.query(
            "select distinct method from analytics.sales_anomalies where grain = 'hour' order by 1"
        )
        .get_column("method")
        .to_list()
    )


def hours(of: Series, metric: str, method: str, since: datetime) -> pl.DataFrame:
    """Return the hours of a series with what was to be expected, from a time on.

    Args:
        of: The series.
        metric: net_sales, sales_revenue, units_sold or transactions.
        method: One of `methods`.
        since: First hour.
    """
    return serving.query(
        """
        select
            bucket_start, cast(value as double) as value, baseline, lower_band, upper_band, score,
            is_anomaly, direction, severity, is_open, is_holiday
        from analytics.sales_anomalies
        where scope_type = $scope_type and scope_id = $scope_id and currency = $currency
            and metric = $metric and method = $method and grain = 'hour'
            and bucket_start >= $since
        order by bucket_start
        """,
        scope_type=of.scope_type,
        scope_id=of.scope_id,
        currency=of.currency,
        metric=metric,
        method=method,
        since=since,
    )


def flagged(
    store_ids: list[str], currencies: list[str], metric: str, method: str, since: datetime
) -> pl.DataFrame:
    """Return all hours that were not as usual, the newest first, in every series."""
    return serving.query(
        """
        select
            scope_type, scope_id, currency, bucket_start, cast(value as double) as value, baseline,
            score, direction, severity, is_open, is_holiday
        from analytics.sales_anomalies
        where is_anomaly and list_contains($currencies, currency) and metric = $metric
            and method = $method and grain = 'hour' and bucket_start >= $since
            and scope_type in ('all', 'store', 'category')
            and (scope_type <> 'store' or list_contains($store_ids, scope_id))
        order by bucket_start desc, abs(score) desc, scope_type, scope_id
        """,
        store_ids=store_ids,
        currencies=currencies,
        metric=metric,
        method=method,
        since=since,
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
