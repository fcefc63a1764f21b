"""What the history page asks: days and months of any span, seasons, returns."""

from datetime import date

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope


def bounds(scope: Scope) -> tuple[date, date] | None:
    """Return the first and the last complete business day, `None` before there is one."""
    [(first, last)] = serving.query(
        """
        select min(date_key), max(date_key)
        from analytics.kpi_daily
        where store_id = $store_id and currency = $currency
        """,
        store_id=scope.store_id,
        currency=scope.currency,
    ).rows()
    return None if first is None else (first, last)


def totals(scope: Scope, first: date, last: date) -> pl.DataFrame:
    """Return what adds up over days, as one row, with the mean of a day and the best one.

    Columns: days, net_sales, gross_profit, transactions, units_sold, net_sales_per_day, best_day,
    best_net_sales.

    Args:
        scope: Whose.
        first: First business day.
        last: Last one.
    """
    return serving.query(
        """
        select
            count(*) as days,
            sum(net_sales) as net_sales,
            sum(gross_profit) as gross_profit,
            cast(sum(transactions) as bigint) as transactions,
            cast(sum(units_sold) as bigint) as units_sold,
            avg(cast(net_sales as double)) as net_sales_per_day,
            arg_max(date_key, net_sales) as best_day,
            max(net_sales) as best_net_sales
        from analytics.kpi_daily
        where store_id = $store_id and currency = $currency
            and date_key between $first and $last
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        first=first,
        last=last,
    )


def category_months(scope: Scope, first: date, last: date) -> pl.DataFrame:
    """Return what categories sold in each month of a span: category, month, net_sales."""
    return serving.query(
        """
        select
            category,
            cast(date_trunc('month', date_key) as date) as month,
            sum(net_sales) as net_sales
        from analytics.daily_sales_summary
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and date_key between $first and $last
        group by category, month
        order by category, month
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        first=first,
        last=last,
        all=ALL,
    )


def seasons(scope: Scope, dimension: str) -> pl.DataFrame:
    """Return how far weekdays or months stray from the mean day: value, index, n_periods.

    An index of 1 is a mean day.

    Args:
        scope: Whose.
        dimension: day_of_week (1 is Monday) or month.
    """
    return serving.query(
        """
        select value, "index", n_periods
        from analytics.seasonal_indices
        where currency = $currency and dimension = $dimension and metric = 'sales_revenue'
            and scope_type = $scope_type and scope_id = $store_id
        order by value
        """,
        currency=scope.currency,
        dimension=dimension,
        scope_type="all" if scope.store_id == ALL else "store",
        store_id=scope.store_id,
    )


def returns(currency: str, period: str) -> pl.DataFrame:
    """Return how often items come back, those that surely do so most often first.

    An item counts when enough of it was sold to judge, whether or not any came back; the order is
    that of the lower bound of its return rate. Beside it stands what chance alone makes of it.

    Args:
        currency: Of the stores; items are those of all of them.
        period: 7d, 30d, 90d or all.
    """
    return serving.query(
        """
        select
            rates.scope_id as item_id, products.product_name, products.category,
            rates.units_sold, rates.units_returned, rates.return_rate_units_pct,
            rates.wilson_low_pct, rates.wilson_high_pct, rates.category_rate_pct,
            rates.chance_low_pct, rates.chance_high_pct, rates.returns_value,
            rates.median_days_to_return, rates.is_flagged
        from analytics.return_rate_analysis as rates
        left join analytics.dim_product as products
            on rates.scope_id = products.item_id and products.is_current
        where rates.currency = $currency and rates.period = $period
            and rates.scope_type = 'item' and rates.is_judged
        order by rates.wilson_low_pct desc, rates.scope_id
        """,
        currency=currency,
        period=period,
    )


def return_rate(scope: Scope, period: str) -> float | None:
    """Return how many of a hundred pieces came back; `None` where nothing was sold.

    Args:
        scope: Whose.
        period: 7d, 30d, 90d or all.
    """
    rows = serving.query(
        """
        select return_rate_units_pct
        from analytics.return_rate_analysis
        where currency = $currency and period = $period
            and scope_type = $scope_type and scope_id = $store_id
        """,
        currency=scope.currency,
        period=period,
        scope_type="all" if scope.store_id == ALL else "store",
        store_id=scope.store_id,
    ).rows()
    return rows[0][0] if rows else None
