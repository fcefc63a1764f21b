"""Alerts that nobody opens or closes: unusual sales, late orders, bad data, models that drift.

Belongs here: bringing what the tables mark as unusual into the same columns: kind, severity,
event_ts, store_id, item_id, subject, value, bound, is_acknowledged. What is not about a store or an
item has null there. Does not belong here: what counts as unusual.
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from dashboard import serving
from dashboard.data import anomalies

_SALES = """
    select
        alert_type as kind, severity, event_ts, store_id, item_id, transaction_id as subject,
        current_value as "value", threshold_value as bound,
        false as is_acknowledged
    from live.sale_alerts
    where list_contains($store_ids::varchar[], store_id)
"""
_HOURS = f"""
    select
        case direction when 'high' then 'SALES_SPIKE' else 'SALES_DROP' end as kind,
        severity, bucket_start as event_ts, scope_id as store_id, null as item_id,
        'Net sales of an hour' as subject, cast("value" as double) as "value",
        case direction when 'high' then upper_band else lower_band end as bound,
        known.actor is not null as is_acknowledged
    from analytics.sales_anomalies
    left join acknowledged as known using {anomalies.ACKNOWLEDGED_BY}
    where is_anomaly and method = 'seasonal_mad' and grain = 'hour' and metric = 'net_sales'
        and scope_type = 'store' and list_contains($store_ids::varchar[], scope_id)
"""
_ITEM_DAYS = f"""
    select
        case direction when 'high' then 'SALES_SPIKE' else 'SALES_DROP' end as kind,
        severity, bucket_start as event_ts, null as store_id, scope_id as item_id,
        'Pieces of a day, all stores' as subject, cast("value" as double) as "value",
        case direction when 'high' then upper_band else lower_band end as bound,
        known.actor is not null as is_acknowledged
    from analytics.nightly_anomalies
    left join acknowledged as known using {anomalies.ACKNOWLEDGED_BY}
    where is_anomaly and scope_type = 'item' and len($store_ids::varchar[]) > 0
"""
_LATE = """
    select
        'SUPPLIER_DELAY' as kind, 'MEDIUM' as severity, delivery_ts as event_ts, store_id,
        shelf_id as item_id, order_id as subject, cast(ordered_qty as double) as "value",
        null as bound, false as is_acknowledged
    from ops.supplier_orders
    where status = 'overdue' and list_contains($store_ids::varchar[], store_id)
"""
_DATA = """
    select
        'DATA_QUALITY' as kind, case status when 'fail' then 'HIGH' else 'MEDIUM' end as severity,
        run_ts as event_ts, null as store_id, null as item_id,
        concat_ws(' ', check_no, check_name, asset) as subject, observed as "value",
        threshold as bound, false as is_acknowledged
    from dq.results
    where status in ('fail', 'warn') and len($store_ids::varchar[]) > 0
        and run_ts = (select max(run_ts) from dq.results)
"""
_DRIFT = """
    select
        'MODEL_DRIFT' as kind, 'MEDIUM' as severity, as_of_ts as event_ts, null as store_id,
        null as item_id, concat_ws(' ', family, metric, feature) as subject, "value",
        threshold as bound, false as is_acknowledged
    from ml.drift
    where is_alarm and len($store_ids::varchar[]) > 0
        and as_of_ts = (select max(as_of_ts) from ml.drift)
"""
_SOURCES = {
    ("live", "sale_alerts"): _SALES,
    ("analytics", "sales_anomalies"): _HOURS,
    ("analytics", "nightly_anomalies"): _ITEM_DAYS,
    ("ops", "supplier_orders"): _LATE,
    ("dq", "results"): _DATA,
    ("ml", "drift"): _DRIFT,
}
# Of these no row is of a store.
_OF_ALL_STORES = {("ml", "drift")}


def signals(
    store_ids: list[str],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    categories: Sequence[str] = (),
    sees_all_stores: bool = True,
) -> pl.DataFrame:
    """Return what is unusual now, or was in a period; the newest first.

    Args:
        store_ids: Stores; what is not about a store is told for any.
        since: Nothing older; `None` for anything that is kept.
        until: Only what is older; `None` ends with the newest.
        categories: Only what is about items of these; none means all, and what is about no item.
        sees_all_stores: Whether the reader may see what is told by no store.
    """
    parts = [
        sql
        for table, sql in _SOURCES.items()
        if serving.has_table(*table) and (sees_all_stores or table not in _OF_ALL_STORES)
    ]
    return serving.query(
        f"""
        with acknowledged as ({anomalies.acknowledged()}),

        signals as ({" union all ".join(parts)})

        select signals.*, stores.store_name, items.subcategory
        from signals
        left join ref.stores as stores on signals.store_id = stores.store_id
        left join ref.items as items on signals.item_id = items.item_id
        where ($since::timestamptz is null or signals.event_ts >= $since::timestamptz)
            and ($until::timestamptz is null or signals.event_ts < $until::timestamptz)
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], items.category))
        order by signals.event_ts desc, signals.kind, signals.subject, signals.item_id
        """,
        store_ids=store_ids,
        since=since,
        until=until,
        categories=list(categories),
    )
