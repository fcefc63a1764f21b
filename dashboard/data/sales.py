"""What was sold: KPIs, days, hours of the week, categories, items, months."""

from datetime import date

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope

# Periods in which items are ranked.
SPANS = ("7d", "30d")
# As many items as these rankings have.
_BEST = 50

_RANKED = """
    select
        rank, prev_rank, rank_change, member_id as item_id, value as sales_revenue, share_pct
    from analytics.top_sellers
    where period = $period and currency = $currency
        and member_type = 'item' and metric = 'sales_revenue'
        and scope_type = if($store_id = 'ALL', 'all', 'store') and scope_value = $store_id
"""
# Longer periods are ranked for all stores together, not for each.
_OF_ALL = """
    select item_id, revenue_rank as rank, sales_revenue, revenue_share_pct as share_pct
    from analytics.product_performance
    where period = $period and currency = $currency and $store_id = 'ALL'
"""
_OF_A_STORE = """
    select
        sales.item_id,
        sum(sales.sales_revenue) as sales_revenue,
        100 * cast(sum(sales.sales_revenue) as double)
            / nullif(cast(sum(sum(sales.sales_revenue)) over () as double), 0) as share_pct,
        row_number() over (order by sum(sales.sales_revenue) desc, sales.item_id) as rank
    from analytics.daily_product_sales as sales
    inner join analytics.analysis_periods as periods
        on sales.store_id = periods.store_id
        and sales.date_key between periods.first_date and periods.last_date
    where periods.period = $period and sales.currency = $currency and sales.store_id = $store_id
    group by sales.item_id
"""
_BEST_SELLERS = """
    select sellers.*, products.product_name, products.category
    from sellers
    left join analytics.dim_product as products
        on sellers.item_id = products.item_id and products.is_current
    where sellers.rank <= $most and sellers.sales_revenue > 0
    order by sellers.rank
"""


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


def totals(scope: Scope, since: date | None) -> dict[str, float | None]:
    """Return KPIs of all complete business days since one; ratios are divided anew.

    Among them are net_sales, gross_profit, transactions, units_sold, atv, upt and margin_pct (in
    percent), by name as in kpi_daily; a ratio is `None` where there is nothing to divide by.

    Args:
        scope: Whose.
        since: First day; from the first sale on by default.
    """
    rows = serving.query(
        """
        with summed as (
            select
                cast(sum(net_sales) as double) as net_sales,
                cast(sum(sales_revenue) as double) as sales_revenue,
                cast(sum(gross_profit) as double) as gross_profit,
                cast(sum(transactions) as double) as transactions,
                cast(sum(units_sold) as double) as units_sold
            from analytics.kpi_daily
            where store_id = $store_id and currency = $currency
                and ($since::date is null or date_key >= $since::date)
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
        where metrics.denominator is null or denominators.measure is not null
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
    ).rows()
    return dict(rows)


def daily(scope: Scope, since: date | None) -> pl.DataFrame:
    """Return complete business days: date_key, net_sales, transactions, units_sold, atv.

    Also mean_7d, net sales of a day in the week that ends with it; null before the seventh day.
    """
    return serving.query(
        """
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
        where $since is null or date_key >= $since
        order by date_key
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
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


def categories(scope: Scope, since: date | None) -> pl.DataFrame:
    """Return what adds up over days, by category since a day, the most first."""
    return serving.query(
        """
        select
            category,
            sum(net_sales) as net_sales,
            sum(gross_profit) as gross_profit,
            sum(units_sold) as units_sold
        from analytics.daily_sales_summary
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and ($since is null or date_key >= $since)
        group by category
        order by net_sales desc, category
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        since=since,
        all=ALL,
    )


def best_sellers(scope: Scope, period: str) -> pl.DataFrame:
    """Return the items that took most in a period: rank, item_id, sales_revenue, share_pct, more.

    Periods of `SPANS` also have prev_rank, the rank in the one before, and rank_change. share_pct
    is of all that was sold in the period.

    Args:
        scope: Whose.
        period: 7d, 30d, 90d or all.
    """
    source = _OF_ALL if scope.store_id == ALL else _OF_A_STORE
    return serving.query(
        f"with sellers as ({_RANKED if period in SPANS else source}) {_BEST_SELLERS}",
        most=_BEST,
        period=period,
        currency=scope.currency,
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
