"""What the live page asks: the figures of this minute, and what the last hours brought."""

import polars as pl

from dashboard import serving
from dashboard.data.analysis import Scope
from smartshelf_dagster.domain.cadence import clock_speed


def kpis(scope: Scope) -> pl.DataFrame:
    """Return the figures of this minute: one row, or none before the first."""
    return serving.query(
        """
        select
            as_of_ts, revenue_1h, revenue_today, transactions_1h, transactions_today,
            units_today, atv_today, returns_today, people_in_store, visits_today,
            100 * conversion_today_rate as conversion_today_pct, open_alerts_critical,
            open_alerts_high, open_alerts_medium, events_per_s_1m, lag_p50_ms, lag_p95_ms,
            latest_event_ts, total_events
        from live.live_kpis
        where store_id = $store_id and currency = $currency
        """,
        store_id=scope.store_id,
        currency=scope.currency,
    )


def alerts(store_ids: list[str]) -> dict[str, int]:
    """Return active alerts of stores by severity: critical, high, medium."""
    [row] = serving.query(
        """
        select
            cast(coalesce(sum(open_alerts_critical), 0) as bigint) as critical,
            cast(coalesce(sum(open_alerts_high), 0) as bigint) as high,
            cast(coalesce(sum(open_alerts_medium), 0) as bigint) as medium
        from live.live_kpis
        where list_contains($store_ids::varchar[], store_id)
        """,
        store_ids=store_ids,
    ).rows(named=True)
    return row


def takings(store_ids: list[str], currency: str, *, minutes: int, step: int) -> pl.DataFrame:
    """Return what was sold up to now, without gaps: pane_start, revenue, transactions, units.

    Args:
        store_ids: Stores.
        currency: Only those that sell in it.
        minutes: How far back, no more than the panes reach: a day.
        step: Minutes of a pane; 5 or more of them.
    """
    return serving.query(
        """
        with spans as (
            select unnest(generate_series(
                time_bucket(to_minutes($step), as_of_ts - to_minutes($minutes - $step)),
                as_of_ts,
                to_minutes($step)
            )) as pane_start
            from meta.publication
        ),

        sold as (
            select
                time_bucket(to_minutes($step), pane_start) as pane_start,
                sum(revenue) as revenue,
                sum(transactions) as transactions,
                sum(units) as units
            from live.sales_pane_5m
            where list_contains($store_ids::varchar[], store_id) and currency = $currency
            group by 1
        )

        select
            spans.pane_start,
            coalesce(sold.revenue, 0) as revenue,
            cast(coalesce(sold.transactions, 0) as bigint) as transactions,
            cast(coalesce(sold.units, 0) as bigint) as units
        from spans
        left join sold on spans.pane_start = sold.pane_start
        order by spans.pane_start
        """,
        store_ids=store_ids,
        currency=currency,
        minutes=minutes,
        step=step,
    )


def lags(store_ids: list[str], *, minutes: int, step: int) -> pl.DataFrame:
    """Return how long receipts took from the till to the lake, by when they came, without gaps.

    Columns: at, receipts, p50_s and p95_s: seconds that half of them, and 95 %, did not exceed;
    null where none came; loaded: receipts of a past that was loaded, which are in no other column.

    Args:
        store_ids: Stores.
        minutes: How far back.
        step: Minutes of a pane.
    """
    return serving.query(
        """
        with spans as (
            select unnest(generate_series(
                time_bucket(to_minutes($step), as_of_ts - to_minutes($minutes - $step)),
                as_of_ts,
                to_minutes($step)
            )) as "at"
            from meta.publication
        ),

        receipts as (
            select
                lines.receipt_event_id,
                any_value(lines.source) <> 'stream' as is_loaded,
                any_value(lines.event_ts) as event_ts,
                any_value(lines.ingest_ts) as ingest_ts
            from cleansed.sales_lines as lines
            where list_contains($store_ids::varchar[], lines.store_id)
                and lines.ingest_ts >= (select min("at") from spans)
            group by lines.receipt_event_id
        ),

        came as (
            select
                time_bucket(to_minutes($step), ingest_ts) as "at",
                count(*) filter (not is_loaded) as receipts,
                quantile_cont(epoch(ingest_ts) - epoch(event_ts), 0.5) filter (not is_loaded)
                    as p50_s,
                quantile_cont(epoch(ingest_ts) - epoch(event_ts), 0.95) filter (not is_loaded)
                    as p95_s,
                count(*) filter (is_loaded) as loaded
            from receipts
            group by 1
        )

        select
            spans."at",
            coalesce(came.receipts, 0) as receipts,
            came.p50_s,
            came.p95_s,
            coalesce(came.loaded, 0) as loaded
        from spans
        left join came on spans."at" = came."at"
        order by spans."at"
        """,
        store_ids=store_ids,
        minutes=minutes,
        step=step,
    )


def clock() -> float:
    """Return how many seconds of the clock of the stores pass in one on the wall, 1 at least."""
    if not serving.has_table("meta", "publications"):
        return 1.0
    moments = serving.query(
        "select as_of_ts, published_at from meta.publications order by published_at"
    )
    return clock_speed(moments.rows())


def stores(store_ids: list[str], currency: str, minutes: int) -> pl.DataFrame:
    """Return stores by what they took in the last minutes: store_id, store_name, revenue, more."""
    return serving.query(
        """
        select
            panes.store_id,
            stores.store_name,
            sum(panes.revenue) as revenue,
            cast(sum(panes.transactions) as bigint) as transactions,
            any_value(status.people_in_store) as people_in_store
        from live.sales_pane_5m as panes
        inner join ref.stores as stores on panes.store_id = stores.store_id
        left join live.store_status as status on panes.store_id = status.store_id
        cross join meta.publication as publication
        where list_contains($store_ids::varchar[], panes.store_id)
            and panes.currency = $currency
            and panes.pane_start >= publication.as_of_ts - to_minutes($minutes)
        group by panes.store_id, stores.store_name
        order by revenue desc, panes.store_id
        """,
        store_ids=store_ids,
        currency=currency,
        minutes=minutes,
    )


def regions(store_ids: list[str], currency: str, minutes: int) -> pl.DataFrame:
    """Return what regions sold in the last minutes, the one that sold most first.

    Columns: region (null for stores of which none is known), stores, net_sales (what was paid back
    for returns is not taken off), share (of all of it, 0 to 1; null while nothing is sold),
    transactions, net_sales_per_store.
    """
    return serving.query(
        """
        with sold as (
            select
                panes.store_id,
                sum(panes.revenue) as revenue,
                sum(panes.transactions) as transactions
            from live.sales_pane_5m as panes
            cross join meta.publication as publication
            where panes.currency = $currency
                and panes.pane_start >= publication.as_of_ts - to_minutes($minutes)
            group by panes.store_id
        )

        select
            stores.region,
            count(*) as stores,
            coalesce(sum(sold.revenue), 0) as net_sales,
            cast(coalesce(sum(sold.revenue), 0) as double)
                / nullif(cast(sum(sum(sold.revenue)) over () as double), 0) as share,
            cast(coalesce(sum(sold.transactions), 0) as bigint) as transactions,
            cast(coalesce(sum(sold.revenue), 0) as double) / count(*) as net_sales_per_store
        from ref.stores as stores
        left join sold on stores.store_id = sold.store_id
        where stores.currency = $currency
            and list_contains($store_ids::varchar[], stores.store_id)
        group by stores.region
        order by net_sales desc, stores.region
        """,
        store_ids=store_ids,
        currency=currency,
        minutes=minutes,
    )


# Sales of the last minutes with the category of the item; the filters are those of `goods`.
_SOLD = """
    with sold as (
        select
            panes.item_id,
            coalesce(items.category, 'UNCATEGORISED') as category,
            items.subcategory,
            panes.revenue,
            panes.units
        from live.sales_pane_1m as panes
        inner join ref.stores as stores on panes.store_id = stores.store_id
        left join ref.items as items on panes.item_id = items.item_id
        cross join meta.publication as publication
        where list_contains($store_ids::varchar[], panes.store_id)
            and stores.currency = $currency
            and panes.pane_start >= publication.as_of_ts - to_minutes($minutes)
    )
"""


def categories(store_ids: list[str], currency: str, minutes: int) -> pl.DataFrame:
    """Return categories by what they brought in the last minutes: category, net_sales, units_sold.

    What was paid back for returns is not taken off.
    """
    return serving.query(
        _SOLD
        + """
        select category, sum(revenue) as net_sales, cast(sum(units) as bigint) as units_sold
        from sold
        group by category
        order by net_sales desc, category
        """,
        store_ids=store_ids,
        currency=currency,
        minutes=minutes,
    )


def items(store_ids: list[str], currency: str, minutes: int, limit: int) -> pl.DataFrame:
    """Return the items that brought most in the last minutes, with revenue and units."""
    return serving.query(
        _SOLD
        + """
        select
            item_id,
            any_value(subcategory) as subcategory,
            any_value(category) as category,
            sum(revenue) as revenue,
            cast(sum(units) as bigint) as units
        from sold
        group by item_id
        order by revenue desc, item_id
        limit $limit
        """,
        store_ids=store_ids,
        currency=currency,
        minutes=minutes,
        limit=limit,
    )


def latest_events(store_id: str) -> pl.DataFrame:
    """Return the newest events of a store, or of all, newest first."""
    return serving.query(
        """
        select
            events.event_ts, events.event_type, events.store_id, stores.currency, events.item_id,
            items.subcategory, events.qty, events.amount
        from live.latest_events as events
        inner join ref.stores as stores on events.store_id = stores.store_id
        left join ref.items as items on events.item_id = items.item_id
        where events.scope_id = $store_id
        order by events.number
        """,
        store_id=store_id,
    )


def unusual_sales(store_ids: list[str], limit: int) -> pl.DataFrame:
    """Return the newest sales at an unusual value, price or discount."""
    return serving.query(
        """
        select
            alerts.event_ts, alerts.alert_type, alerts.severity, alerts.store_id,
            alerts.item_id, items.subcategory, alerts.qty, alerts.net, alerts.currency
        from live.sale_alerts as alerts
        left join ref.items as items on alerts.item_id = items.item_id
        where list_contains($store_ids::varchar[], alerts.store_id)
        order by alerts.event_ts desc, alerts.event_id, alerts.alert_type
        limit $limit
        """,
        store_ids=store_ids,
        limit=limit,
    )


def countries(currency: str) -> pl.DataFrame:
    """Return countries by what was sold there today: country, revenue, transactions, share_pct."""
    return serving.query(
        """
        select country, revenue, transactions, share_pct
        from live.live_country
        where currency = $currency
        order by revenue desc, country
        """,
        currency=currency,
    )
