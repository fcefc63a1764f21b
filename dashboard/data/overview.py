"""What the overview asks: KPIs and how they changed, stores side by side, what is to be done."""

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope


def kpis(scope: Scope, period: str) -> pl.DataFrame:
    """Return one row per KPI that is known: kpi, unit, is_more_better, value, prev_value, change.

    Args:
        scope: Whose.
        period: 7d, 30d or 90d.
    """
    return serving.query(
        """
        select kpi, unit, is_more_better, value, prev_value, change
        from analytics.kpi_comparison
        where store_id = $store_id and currency = $currency and period = $period
        order by kpi_no
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        period=period,
    )


def days(scope: Scope, number: int) -> pl.DataFrame:
    """Return the KPIs of the newest complete business days, the oldest first.

    Args:
        scope: Whose.
        number: Days at most.
    """
    return serving.query(
        """
        select *
        from (
            select
                date_key, net_sales, transactions, atv, customers, margin_pct, units_sold
            from analytics.kpi_daily
            where store_id = $store_id and currency = $currency
            order by date_key desc
            limit $number
        )
        order by date_key
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        number=number,
    )


def growth(scope: Scope) -> pl.DataFrame:
    """Return the newest whole week and month: period_type, period_start, net_sales, growth.

    Growth is mom_growth_pct on the one before, and yoy_growth_pct on the year before.
    """
    return serving.query(
        """
        select period_type, period_start, net_sales, mom_growth_pct, yoy_growth_pct
        from analytics.period_growth
        where currency = $currency and is_complete
            and scope_type = $scope_type and scope_id = $store_id
            and period_type in ('week', 'month')
        qualify row_number() over (partition by period_type order by period_start desc) = 1
        order by period_type desc
        """,
        currency=scope.currency,
        scope_type="all" if scope.store_id == ALL else "store",
        store_id=scope.store_id,
    )


def customer_value(currency: str) -> tuple[int, float | None]:
    """Return how many customers are known, and what one is worth in a year on average.

    Args:
        currency: Of their spending; customers are those of all its stores.
    """
    [(customers, value)] = serving.query(
        """
        select count(*), avg(cast(clv_12m as double))
        from analytics.customer_clv
        where currency = $currency
        """,
        currency=currency,
    ).rows()
    return customers, value


def forecast_error(store_ids: list[str], days: int, now: datetime) -> pl.DataFrame:
    """Return the error of forecasts of the last days and of as many before: is_current, n, wape.

    They are those that orders follow from, of the time that an order has to cover; without those
    whose shelf stood empty for most of it. The error is the sum of what the median missed over the
    sum of what was asked for.

    Args:
        store_ids: Stores.
        days: How many days are compared.
        now: End of the newer of the two spans.
    """
    return serving.query(
        """
        with judged as (
            select
                until_ts > $now - to_days($days) as is_current,
                actual,
                median
            from ml.accuracy
            where list_contains($store_ids::varchar[], store_id)
                and "window" = 'cover'
                and not coalesce(is_censored, false)
                and until_ts > $now - to_days(2 * $days)
                and until_ts <= $now
        )

        select
            is_current,
            count(*) as n,
            sum(abs(actual - median)) / nullif(sum(actual), 0) as wape
        from judged
        group by is_current
        """,
        store_ids=store_ids,
        days=days,
        now=now,
    )


def stores(store_ids: list[str], currency: str, period: str) -> pl.DataFrame:
    """Return stores side by side, the one that sold most first.

    Args:
        store_ids: Stores.
        currency: Only those that sell in it.
        period: 7d, 30d, 90d or all.
    """
    return serving.query(
        """
        select
            compared.store_id, stores.store_name, stores.city, compared.region,
            compared.net_sales, compared.growth_prev_period_pct, compared.transactions,
            compared.atv, compared.margin_pct, compared.return_rate_value_pct,
            100 * compared.conversion_rate as conversion_pct, compared.revenue_rank
        from analytics.store_comparison as compared
        inner join ref.stores as stores on compared.store_id = stores.store_id
        where compared.period = $period and compared.currency = $currency
            and list_contains($store_ids::varchar[], compared.store_id)
        order by compared.revenue_rank, compared.store_id
        """,
        store_ids=store_ids,
        currency=currency,
        period=period,
    )


def shelves(store_ids: list[str]) -> dict[str, int]:
    """Return shelves of stores that need somebody: low, empty."""
    [row] = serving.query(
        """
        select
            cast(coalesce(sum(low_shelves), 0) as bigint) as low,
            cast(coalesce(sum(empty_shelves), 0) as bigint) as empty
        from live.store_status
        where list_contains($store_ids::varchar[], store_id)
        """,
        store_ids=store_ids,
    ).rows(named=True)
    return row


@dataclass(frozen=True)
class Deliveries:
    """What suppliers are to bring.

    Attributes:
        next_cutoff: Until when the next orders can be changed.
        next_delivery: When the next goods come.
        orders: How many orders come then.
        overdue: Orders that should have come.
    """

    next_cutoff: datetime | None
    next_delivery: datetime | None
    orders: int
    overdue: int


def deliveries(store_ids: list[str]) -> Deliveries:
    """Return what suppliers are to bring to stores."""
    [row] = serving.query(
        """
        with due as (
            select *
            from ops.supplier_orders
            where list_contains($store_ids::varchar[], store_id)
        ),

        coming as (
            select delivery_ts, count(*) as orders
            from due
            where status = 'issued'
            group by delivery_ts
            order by delivery_ts
            limit 1
        )

        select
            (
                select min(cutoff_ts)
                from ops.supplier_cutoffs
                where status = 'next' and list_contains($store_ids::varchar[], store_id)
            ) as next_cutoff,
            (select delivery_ts from coming) as next_delivery,
            coalesce((select orders from coming), 0) as orders,
            (select count(*) from due where status = 'overdue') as overdue
        """,
        store_ids=store_ids,
    ).rows()
    return Deliveries(*row)


def often_returned(currency: str) -> int:
    """Return how many items of the last 30 days come back unusually often for their category."""
    return int(
        serving.query(
            """
            select count(*)
            from analytics.return_rate_analysis
            where currency = $currency and period = '30d' and scope_type = 'item' and is_flagged
            """,
            currency=currency,
        ).item()
    )


def parts() -> pl.DataFrame:
    """Return the parts of the system: component, status, latency_s, last_ok_ts, message."""
    return serving.query(
        "select component, status, latency_s, last_ok_ts, message from live.system_status"
    )


def events() -> tuple[int, datetime | None]:
    """Return how many events are kept, and when the newest happened."""
    [row] = serving.query(
        """
        select cast(coalesce(sum("rows"), 0) as bigint), max(last_event_ts)
        from live.stream_status
        """
    ).rows()
    return row


def newest_report(scope: Scope) -> pl.DataFrame:
    """Return the newest morning report: report_date, narrative, created_at; or no row."""
    return serving.query(
        """
        select report_date, narrative, created_at
        from ops.business_reports
        where store_id = $store_id and currency = $currency and report_type = 'DAILY_REPORT'
        order by report_date desc
        limit 1
        """,
        store_id=scope.store_id,
        currency=scope.currency,
    )


def forecast(store_ids: list[str], currency: str, last: date) -> pl.DataFrame:
    """Return what the newest forecasts expect: date_key, expected_sales; the next days, in order.

    Expected pieces of an item count at its mean price in these stores in 30 days.

    Args:
        store_ids: Stores; a day is told when all that forecast do so for it.
        currency: Only those that sell in it.
        last: Last of the 30 days.
    """
    return serving.query(
        """
        with newest as (
            select predictions.*, stores.timezone
            from ml.predictions as predictions
            inner join ref.stores as stores on predictions.store_id = stores.store_id
            where list_contains($store_ids::varchar[], predictions.store_id)
                and stores.currency = $currency
                and predictions."window" = 'day'
            qualify predictions.origin_ts
                = max(predictions.origin_ts) over (partition by predictions.store_id)
        ),

        prices as (
            select item_id, cast(sum(sales_revenue) as double) / sum(units_sold) as price
            from analytics.daily_product_sales
            where list_contains($store_ids::varchar[], store_id)
                and currency = $currency
                and date_key > $last - 30 and date_key <= $last
            group by item_id
            having sum(units_sold) > 0
        )

        select
            cast(newest.origin_ts at time zone newest.timezone as date) + newest.horizon
                as date_key,
            sum(newest.mean * prices.price) as expected_sales
        from newest
        inner join prices on newest.item_id = prices.item_id
        group by date_key
        having count(distinct newest.store_id) = (select count(distinct store_id) from newest)
        order by date_key
        limit 7
        """,
        store_ids=store_ids,
        currency=currency,
        last=last,
    )
