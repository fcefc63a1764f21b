"""What the page about stores asks: how stores of one currency compare, day by day and in all."""

from datetime import date

import polars as pl

from dashboard import serving

# Days of the small charts in the table.
SPARKLINE_DAYS = 28


def comparison(store_ids: list[str], currency: str, period: str) -> pl.DataFrame:
    """Return stores side by side, by rank.

    Beside the columns of `analytics.store_comparison`: store_name, anon_share_pct
    (of receipts without a customer), conversion_pct, and recent, the net sales of the last days,
    oldest first.

    Args:
        store_ids: Stores.
        currency: ISO 4217; money of two currencies is never compared.
        period: 7d, 30d, 90d or all.
    """
    return serving.query(
        """
        with recent as (
            select
                store_id,
                list(cast(net_sales as double) order by date_key) as recent
            from (
                select
                    store_id, date_key, net_sales,
                    row_number() over (partition by store_id order by date_key desc) as days_back
                from analytics.store_performance_daily
                where is_complete
            ) as days
            where days_back <= $days
            group by store_id
        )

        select
            compared.*,
            stores.store_name,
            100 * compared.anon_transactions / nullif(compared.transactions, 0) as anon_share_pct,
            100 * compared.conversion_rate as conversion_pct,
            recent.recent
        from analytics.store_comparison as compared
        inner join ref.stores as stores on compared.store_id = stores.store_id
        left join recent on compared.store_id = recent.store_id
        where compared.period = $period and compared.currency = $currency
            and list_contains($store_ids::varchar[], compared.store_id)
        order by compared.revenue_rank, compared.store_id
        """,
        store_ids=store_ids,
        currency=currency,
        period=period,
        days=SPARKLINE_DAYS,
    )


def regions(store_ids: list[str], currency: str, period: str) -> pl.DataFrame:
    """Return what regions sold, the one that sold most first.

    Columns: region (null for stores of which none is known), stores, net_sales, share (of all
    net sales, 0 to 1), transactions, net_sales_per_store.

    Args:
        store_ids: Stores.
        currency: ISO 4217; money of two currencies is never added up.
        period: 7d, 30d, 90d or all.
    """
    return serving.query(
        """
        select
            region,
            count(*) as stores,
            sum(net_sales) as net_sales,
            cast(sum(net_sales) as double)
                / nullif(cast(sum(sum(net_sales)) over () as double), 0) as share,
            cast(sum(transactions) as bigint) as transactions,
            cast(sum(net_sales) as double) / count(*) as net_sales_per_store
        from analytics.store_comparison
        where period = $period and currency = $currency
            and list_contains($store_ids::varchar[], store_id)
        group by region
        order by sum(net_sales) desc, region
        """,
        store_ids=store_ids,
        currency=currency,
        period=period,
    )


def stock(store_ids: list[str], currency: str, period: str) -> pl.DataFrame:
    """Return how well stores had their goods: store_id, availability_pct, turns_annualised.

    Empty for periods that stock is not told for.

    Args:
        store_ids: Stores.
        currency: ISO 4217.
        period: 30d or 90d.
    """
    return serving.query(
        """
        select outs.store_id, outs.availability_pct, turned.turns_annualised
        from analytics.stockout_analysis as outs
        inner join analytics.inventory_turnover as turned
            using (period, store_id, currency, category, item_id)
        where outs.period = $period and outs.currency = $currency
            and outs.category = 'ALL' and outs.item_id = 'ALL'
            and list_contains($store_ids::varchar[], outs.store_id)
        order by outs.store_id
        """,
        store_ids=store_ids,
        currency=currency,
        period=period,
    )


def daily(store_ids: list[str], currency: str, since: date | None) -> pl.DataFrame:
    """Return whole business days by store: date_key, net_sales, transactions, atv, mean_7d.

    mean_7d is the mean of net_sales over the week that ends with the day, null before the
    seventh day of the store.

    Args:
        store_ids: Stores.
        currency: ISO 4217.
        since: First day; `None` begins with the first sale.
    """
    return serving.query(
        """
        with days as (
            select
                store_id, date_key, net_sales, transactions, atv,
                count(*) over week_before as days_before,
                avg(cast(net_sales as double)) over week_before as mean_7d
            from analytics.store_performance_daily
            where is_complete and currency = $currency
                and list_contains($store_ids::varchar[], store_id)
            window week_before as (
                partition by store_id order by date_key
                rows between 6 preceding and current row
            )
        )

        select
            store_id, date_key, net_sales, transactions, atv,
            case when days_before = 7 then mean_7d end as mean_7d
        from days
        where $since::date is null or date_key >= $since::date
        order by store_id, date_key
        """,
        store_ids=store_ids,
        currency=currency,
        since=since,
    )


def product_mix(store_ids: list[str], currency: str, since: date | None) -> pl.DataFrame:
    """Return what share of its net sales a store makes with each category, 0 to 1.

    Columns: category, store_id, net_sales, share; categories that sell most in all stores first.

    Args:
        store_ids: Stores.
        currency: ISO 4217.
        since: First day; `None` begins with the first sale.
    """
    return serving.query(
        """
        select
            category, store_id, sum(net_sales) as net_sales,
            cast(sum(net_sales) as double)
                / nullif(cast(sum(sum(net_sales)) over (partition by store_id) as double), 0)
                as share
        from analytics.daily_sales_summary
        where currency = $currency and list_contains($store_ids::varchar[], store_id)
            and ($since::date is null or date_key >= $since::date)
        group by category, store_id
        order by sum(sum(net_sales)) over (partition by category) desc, category, store_id
        """,
        store_ids=store_ids,
        currency=currency,
        since=since,
    )


def last_day(store_ids: list[str]) -> date | None:
    """Return the newest whole business day of stores, `None` before the first."""
    rows = serving.query(
        """
        select max(date_key)
        from analytics.store_performance_daily
        where is_complete and list_contains($store_ids::varchar[], store_id)
        """,
        store_ids=store_ids,
    ).rows()
    last: date | None = rows[0][0]
    return last
