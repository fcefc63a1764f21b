"""What the search for an item and the page about one item ask."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from dashboard import serving

# Before the analytics are built only the master data tell what an item is.
_ITEMS = """
    select
        item_id, subcategory as name, category, subcategory, aisle, list_price, batch_size,
        is_perishable
    from ref.items
"""
_PRODUCTS = """
    select
        item_id,
        coalesce(products.product_name, items.subcategory, item_id) as name,
        products.category,
        products.sub_category as subcategory,
        items.aisle,
        coalesce(items.list_price, products.list_price) as list_price,
        coalesce(items.batch_size, products.pack_size) as batch_size,
        products.is_perishable
    from analytics.dim_product as products
    full join ref.items as items using (item_id)
    where coalesce(products.is_current, true)
"""


def _known() -> str:
    return _PRODUCTS if serving.has_table("analytics", "dim_product") else _ITEMS


def catalogue() -> pl.DataFrame:
    """Return all items by name: item_id, label."""
    return serving.query(
        f"""
        select item_id, concat_ws(', ', nullif(name, item_id), item_id) as label
        from ({_known()})
        order by label
        """
    )


def categories() -> list[str]:
    """Return the categories of all items, by name."""
    return (
        serving.query(
            f"""
            select distinct coalesce(category, 'UNCATEGORISED') as category
            from ({_known()})
            order by category
            """
        )
        .get_column("category")
        .to_list()
    )


def of_categories(categories: Sequence[str]) -> list[str]:
    """Return the items of some categories.

    Args:
        categories: Which.
    """
    return (
        serving.query(
            f"""
            select item_id
            from ({_known()})
            where list_contains($categories::varchar[], coalesce(category, 'UNCATEGORISED'))
            order by item_id
            """,
            categories=list(categories),
        )
        .get_column("item_id")
        .to_list()
    )


def item(item_id: str) -> pl.DataFrame:
    """Return what an item is: one row, or none when nobody knows it.

    Columns: item_id, name, category, subcategory, aisle, list_price, batch_size, is_perishable;
    null where it is not known.
    """
    return serving.query(f"select * from ({_known()}) where item_id = $item_id", item_id=item_id)


def list_prices() -> pl.DataFrame:
    """Return what a piece of each item costs without markdowns: item_id, list_price."""
    return serving.query("select item_id, list_price from ref.items")


def outlook(store_id: str, item_id: str) -> pl.DataFrame:
    """Return how the analytics see an item of a store: one row, or none.

    Columns: stock_out_risk_score, days_of_cover, risk_band, recommendation, abc_class, xyz_class,
    movement_class, units_30d.
    """
    return serving.query(
        """
        select
            risk.stock_out_risk_score, risk.days_of_cover, risk.risk_band, risk.recommendation,
            classes.abc_class, classes.xyz_class, classes.movement_class, classes.units_30d
        from analytics.stock_risk as risk
        left join analytics.item_classification as classes
            on risk.store_id = classes.store_id and risk.item_id = classes.item_id
        where risk.store_id = $store_id and risk.item_id = $item_id
        """,
        store_id=store_id,
        item_id=item_id,
    )


def sales(
    store_id: str, item_id: str, since: date | None, until: date | None = None
) -> pl.DataFrame:
    """Return the sales of an item by business day on which it was sold, oldest first.

    Columns: date_key, units_sold, units_returned, net_sales, asp, discount_value,
    discount_rate_pct, is_promoted.

    Args:
        store_id: Store.
        item_id: Item.
        since: First day; `None` begins with the first sale.
        until: Last day; `None` ends with the newest.
    """
    return serving.query(
        """
        select
            date_key, units_sold, units_returned, net_sales, asp, discount_value,
            discount_rate_pct, is_promoted
        from analytics.daily_product_sales
        where store_id = $store_id and item_id = $item_id
            and ($since::date is null or date_key >= $since::date)
            and ($until::date is null or date_key <= $until::date)
        order by date_key
        """,
        store_id=store_id,
        item_id=item_id,
        since=since,
        until=until,
    )


def marks(store_id: str, item_id: str) -> pl.DataFrame:
    """Return what to mark on the stock of an item: event_ts, location, kind, detail.

    kind is count (detail: the correction in pieces) or markdown (detail: percent off).
    """
    return serving.query(
        """
        select event_ts, location, 'count' as kind, cast(correction_qty as double) as detail
        from ops.stock_corrections
        where store_id = $store_id and shelf_id = $item_id
        union all
        select
            valid_from_ts as event_ts, 'shelf' as location, 'markdown' as kind,
            cast(100 * discount as double) as detail
        from ops.markdowns
        where store_id = $store_id and shelf_id = $item_id and status <> 'canceled'
        order by event_ts
        """,
        store_id=store_id,
        item_id=item_id,
    )


# Since and until bound the days that are looked through.
_HAPPENED = """
    select
        event_ts, event_type, null as location,
        case event_type when 'SALE' then -qty else qty end as qty,
        net as amount, batch_code as lot, transaction_id as detail,
        'raw/pos_transactions' as raw_table,
        coalesce(receipt_event_id, event_id) as event_id
    from cleansed.sales_lines
    where store_id = $store_id and item_id = $item_id
        and business_date between cast($since::timestamptz as date) - 1
            and cast($until::timestamptz as date) + 1
    union all
    select
        event_ts, movement_type as event_type, location, qty_signed as qty,
        null as amount, batch_code as lot, ref_id as detail,
        'raw/' || source_table as raw_table, event_id
    from cleansed.stock_movements
    where store_id = $store_id and item_id = $item_id
        and event_date between cast($since::timestamptz as date) - 1
            and cast($until::timestamptz as date) + 1
        and source_table <> 'sales_lines'
        and location in ('shelf', 'warehouse')
    union all
    select
        event_ts, action as event_type, location, quantity as qty, null as amount,
        batch_code as lot, concat_ws(': ', actor, note) as detail,
        'raw/operator_events' as raw_table, event_id
    from ops.operator_actions
    where store_id = $store_id and shelf_id = $item_id
"""


def events(
    store_id: str,
    item_id: str,
    moment: datetime,
    *,
    since: datetime,
    before: int,
    until: datetime | None = None,
    after: int = 0,
) -> pl.DataFrame:
    """Return the events about an item around a moment, the newest first.

    Columns: event_ts, event_type, location, qty (signed), amount, lot, detail, raw_table,
    event_id: of the raw event, of which a receipt has many lines.

    Args:
        store_id: Store.
        item_id: Item.
        moment: What happened at it counts as before.
        since: None that is older.
        before: How many up to the moment at most: the last ones.
        until: None that is newer; the moment by default.
        after: How many after the moment at most: the next ones.
    """
    return serving.query(
        f"""
        with happened as ({_HAPPENED}),

        numbered as (
            select
                happened.*,
                event_ts > $moment::timestamptz as is_after,
                row_number() over (
                    partition by event_ts > $moment::timestamptz
                    order by event_ts desc, event_type, event_id
                ) as backward_no,
                row_number() over (
                    partition by event_ts > $moment::timestamptz
                    order by event_ts, event_type desc, event_id desc
                ) as forward_no
            from happened
            where event_ts between $since::timestamptz and $until::timestamptz
        )

        select * exclude (is_after, backward_no, forward_no)
        from numbered
        where case when is_after then forward_no <= $after else backward_no <= $before end
        order by event_ts desc, event_type, event_id
        """,
        store_id=store_id,
        item_id=item_id,
        moment=moment,
        since=since,
        until=until or moment,
        before=before,
        after=after,
    )
