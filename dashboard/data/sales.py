"""What was sold: KPIs, days, hours of the week, categories, items, months."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope

# Periods in which items are ranked.
SPANS = ("7d", "30d")


def last_day(scope: Scope) -> date | None:
    """Return the newest complete business day, `None` before the first."""
    day: date | None = serving.query(
        """
        select max(date_key)
        from analytics.kpi_daily
        where store_id = $store_id and currency = $currency
        """,
        store_id=scope.store_id,
        currency=scope.currency,
    ).item()
    return day


# Complete business days of whole stores, or of some categories of their goods. What a receipt or a
# customer counts for cannot be added up over categories.
_IN_PERIOD = """
    ($since::date is null or date_key >= $since::date)
    and ($until::date is null or date_key <= $until::date)
"""
_OF_STORES = """
    select * from analytics.kpi_daily where store_id = $store_id and currency = $currency
"""
_OF_CATEGORIES = """
    select *
    from analytics.daily_sales_summary
    where currency = $currency and ($store_id = $all or store_id = $store_id)
        and date_key <= (
            select max(date_key)
            from analytics.kpi_daily
            where store_id = $store_id and currency = $currency
        )
        and (len($categories::varchar[]) = 0 or list_contains($categories::varchar[], category))
"""


def totals(
    scope: Scope,
    since: date | None,
    until: date | None = None,
    categories: Sequence[str] = (),
) -> dict[str, float | None]:
    """Return KPIs of complete business days; ratios are divided anew.

    Among them are net_sales, gross_profit, transactions, units_sold, atv, upt and margin_pct (in
    percent), by name as in kpi_daily; a ratio is `None` where there is nothing to divide by. Of
    categories only those are told that add up over goods, so none of receipts.

    Args:
        scope: Whose.
        since: First day; `None` begins with the first sale.
        until: Last day; `None` ends with the newest.
        categories: Categories; none means all.
    """
    rows = serving.query(
        f"""
        with summed as (
            select
                cast(sum(net_sales) as double) as net_sales,
                cast(sum(sales_revenue) as double) as sales_revenue,
                cast(sum(gross_profit) as double) as gross_profit,
                cast(sum(transactions) as double) as transactions,
                cast(sum(units_sold) as double) as units_sold
            from ({_OF_CATEGORIES if categories else _OF_STORES})
            where {_IN_PERIOD}
        ),

        measures as (
            unpivot summed
            on net_sales, sales_revenue, gross_profit, transactions, units_sold
            into name measure value total
        )

        select
            metrics.metric,
            case
                when metrics.denominator is null then numerators.total
                else metrics.factor * numerators.total / nullif(denominators.total, 0)
            end as value
        from meta.metrics as metrics
        inner join measures as numerators on metrics.numerator = numerators.measure
        left join measures as denominators on metrics.denominator = denominators.measure
        where (metrics.denominator is null or denominators.measure is not null)
            {"and metrics.adds_up = 'everywhere'" if categories else ""}
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        until=until,
        **({"all": ALL, "categories": list(categories)} if categories else {}),
    ).rows()
    return dict(rows)


def daily(scope: Scope, since: date | None, until: date | None = None) -> pl.DataFrame:
    """Return complete business days: date_key, net_sales, transactions, units_sold, atv.

    Also mean_7d, net sales of a day in the week that ends with it; null before the seventh day.
    """
    return serving.query(
        f"""
        with days as (
            select
                date_key, net_sales, transactions, units_sold, atv,
                cast(net_sales_7d as double) / 7 as mean_7d,
                row_number() over (order by date_key) as day_no
            from analytics.kpi_daily
            where store_id = $store_id and currency = $currency
        )

        select
            date_key, net_sales, transactions, units_sold, atv,
            case when day_no >= 7 then mean_7d end as mean_7d
        from days
        where {_IN_PERIOD}
        order by date_key
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        until=until,
    )


def daily_of_categories(
    scope: Scope, since: date | None, until: date | None, categories: Sequence[str]
) -> pl.DataFrame:
    """Return complete business days of some categories: date_key, net_sales, units_sold, mean_7d.

    mean_7d is the mean of net_sales over the week that ends with the day, with nothing sold on days
    without a row; null before the seventh day.

    Args:
        scope: Whose.
        since: First day; `None` begins with the first sale.
        until: Last day; `None` ends with the newest.
        categories: One at least.
    """
    return serving.query(
        f"""
        with sold as (
            select date_key, sum(net_sales) as net_sales, sum(units_sold) as units_sold
            from ({_OF_CATEGORIES})
            group by date_key
        ),

        -- Days on which the stores sold anything.
        days as (
            select
                whole.date_key,
                coalesce(sold.net_sales, 0) as net_sales,
                cast(coalesce(sold.units_sold, 0) as bigint) as units_sold,
                row_number() over (order by whole.date_key) as day_no,
                avg(cast(coalesce(sold.net_sales, 0) as double)) over (
                    order by whole.date_key range between interval 6 days preceding and current row
                ) as mean_7d
            from ({_OF_STORES}) as whole
            left join sold on whole.date_key = sold.date_key
        )

        select
            date_key, net_sales, units_sold, case when day_no >= 7 then mean_7d end as mean_7d
        from days
        where {_IN_PERIOD}
        order by date_key
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        until=until,
        categories=list(categories),
        all=ALL,
    )


def hours(scope: Scope, period: str) -> pl.DataFrame:
    """Return each hour of the week: day_of_week (1 is Monday), hour, and what it brings."""
    return serving.query(
        """
        select
            day_of_week, hour, is_open, occurrences, avg_net_sales_per_occurrence,
            avg_transactions_per_occurrence, peak_rank, share_of_week_pct
        from analytics.peak_hours_by_day
        where store_id = $store_id and currency = $currency and period = $period
        order by day_of_week, hour
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        period=period,
    )


def categories(
    scope: Scope, since: date | None, until: date | None = None, chosen: Sequence[str] = ()
) -> pl.DataFrame:
    """Return what adds up over days, by category, the most first.

    Args:
        scope: Whose.
        since: First day; `None` begins with the first sale.
        until: Last day; `None` ends with the newest.
        chosen: Categories; none means all.
    """
    return serving.query(
        f"""
        select
            category,
            sum(net_sales) as net_sales,
            sum(gross_profit) as gross_profit,
            sum(units_sold) as units_sold
        from ({_OF_CATEGORIES})
        where {_IN_PERIOD}
        group by category
        order by net_sales desc, category
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        until=until,
        categories=list(chosen),
        all=ALL,
    )


def items(
    scope: Scope,
    since: date | None,
    until: date | None,
    categories: Sequence[str],
    most: int,
) -> pl.DataFrame:
    """Return the items that took most on any days, as `best_sellers` does but for the rank before.

    Columns: rank, item_id, product_name, category, sales_revenue, units_sold, share_pct: of what
    all items of these categories took.

    Args:
        scope: Whose.
        since: First day; `None` begins with the first sale.
        until: Last day; `None` ends with the newest.
        categories: Categories; none means all.
        most: How many items.
    """
    return serving.query(
        f"""
        with sold as (
            select
                item_id,
                any_value(category) as category,
                sum(sales_revenue) as sales_revenue,
                cast(sum(units_sold) as bigint) as units_sold
            from analytics.daily_product_sales
            where currency = $currency and ($store_id = $all or store_id = $store_id)
                and {_IN_PERIOD}
                and (len($categories::varchar[]) = 0
                    or list_contains($categories::varchar[], category))
            group by item_id
        ),

        ranked as (
            select
                *,
                row_number() over (order by sales_revenue desc, item_id) as rank,
                100 * cast(sales_revenue as double)
                    / nullif(cast(sum(sales_revenue) over () as double), 0) as share_pct
            from sold
            where sales_revenue > 0
        )

        select
            ranked.rank, ranked.item_id, products.product_name, ranked.category,
            ranked.sales_revenue, ranked.units_sold, ranked.share_pct
        from ranked
        left join analytics.dim_product as products
            on ranked.item_id = products.item_id and products.is_current
        where ranked.rank <= $most
        order by ranked.rank
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        until=until,
        categories=list(categories),
        most=most,
        all=ALL,
    )


def best_sellers(scope: Scope, period: str) -> pl.DataFrame:
    """Return the items that took most in a period, with their rank in the one before."""
    return serving.query(
        """
        select
            sellers.rank, sellers.prev_rank, sellers.rank_change,
            sellers.member_id as item_id, products.product_name, products.category,
            sellers.value as sales_revenue, sellers.share_pct
        from analytics.top_sellers as sellers
        left join analytics.dim_product as products
            on sellers.member_id = products.item_id and products.is_current
        where sellers.period = $period and sellers.currency = $currency
            and sellers.member_type = 'item' and sellers.metric = 'sales_revenue'
            and sellers.scope_type = $scope_type and sellers.scope_value = $store_id
        order by sellers.rank
        """,
        period=period,
        currency=scope.currency,
        scope_type="all" if scope.store_id == ALL else "store",
        store_id=scope.store_id,
    )


def months(scope: Scope) -> pl.DataFrame:
    """Return months with their growth: period_start, net_sales, mom_growth_pct, yoy_growth_pct."""
    return serving.query(
        """
        select
            period_start, net_sales, transactions, units_sold, mom_growth_pct, yoy_growth_pct,
            is_complete
        from analytics.period_growth
        where period_type = 'month' and currency = $currency
            and scope_type = $scope_type and scope_id = $store_id
        order by period_start
        """,
        currency=scope.currency,
        scope_type="all" if scope.store_id == ALL else "store",
        store_id=scope.store_id,
    )
