"""What the inventory page asks: levels, stock-outs, movements, turnover, classes, age."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope

# Rows of a table that has each category, and all of them as one row more.
_MEANT = """
    case
        when len($categories::varchar[]) = 0 then category = 'ALL'
        else list_contains($categories::varchar[], category)
    end
"""
_OF_CATEGORIES = """
    (len($categories::varchar[]) = 0 or list_contains($categories::varchar[], {of}category))
"""


def kpis(scope: Scope, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return the stock of a scope as it is now: one row, or none where no stock is kept.

    Columns: items_total, out_of_stock_items, critical_items, low_stock_items, overstock_items,
    whole_value (at cost).

    Args:
        scope: Whose.
        categories: Categories; none means all, here and below.
    """
    return serving.query(
        f"""
        select
            cast(sum(items_total) as bigint) as items_total,
            cast(sum(out_of_stock_items) as bigint) as out_of_stock_items,
            cast(sum(critical_items) as bigint) as critical_items,
            cast(sum(low_stock_items) as bigint) as low_stock_items,
            cast(sum(overstock_items) as bigint) as overstock_items,
            sum(stock_value + wh_stock_value) as whole_value
        from analytics.inventory_kpis
        where store_id = $store_id and currency = $currency and {_MEANT}
        having count(*) > 0
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
    )


def categories(scope: Scope, chosen: Sequence[str] = ()) -> pl.DataFrame:
    """Return the stock of each category as it is now, those with most trouble first.

    Beside the columns of `analytics.inventory_kpis`: troubled_items, which are not as they should
    be.
    """
    return serving.query(
        f"""
        select *, items_total - normal_items as troubled_items
        from analytics.inventory_kpis
        where store_id = $store_id and currency = $currency and category <> 'ALL'
            and {_OF_CATEGORIES.format(of="")}
        order by troubled_items desc, out_of_stock_items desc, category
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(chosen),
    )


def stores(currency: str) -> pl.DataFrame:
    """Return the stock of each store of a currency as it is now, with its name."""
    return serving.query(
        """
        select kpis.*, kpis.stock_value + kpis.wh_stock_value as whole_value, stores.store_name
        from analytics.inventory_kpis as kpis
        inner join ref.stores as stores on kpis.store_id = stores.store_id
        where kpis.currency = $currency and kpis.category = 'ALL'
        order by kpis.store_id
        """,
        currency=currency,
    )


def items(
    scope: Scope, *, statuses: list[str], categories: Sequence[str], text: str = ""
) -> pl.DataFrame:
    """Return the stock of each item as it is now, what is nearest to its end first.

    Args:
        scope: Whose.
        statuses: OUT, CRITICAL and so on; none means all, as for the other filters.
        categories: Categories.
        text: Part of the item or of its name.
    """
    return serving.query(
        """
        select
            stock.store_id, stock.item_id, products.product_name, stock.category,
            stock.stock_status, stock.quantity_on_hand, stock.wh_on_hand, stock.on_order,
            stock.reorder_point, stock.max_stock, stock.stock_pct, stock.avg_daily_units,
            stock.days_of_cover, stock.nearest_expiry, stock.stock_value + stock.wh_stock_value
                as whole_value
        from analytics.current_inventory as stock
        left join analytics.dim_product as products
            on stock.item_id = products.item_id and products.is_current
        where stock.currency = $currency and ($store_id = $all or stock.store_id = $store_id)
            and (len($statuses::varchar[]) = 0
                or list_contains($statuses::varchar[], stock.stock_status))
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], stock.category))
            and ($text = ''
                or contains(
                    lower(concat_ws(' ', stock.item_id, products.product_name)), lower($text)
                ))
        order by stock.stock_pct, stock.avg_daily_units desc nulls last, stock.store_id,
            stock.item_id
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        all=ALL,
        statuses=statuses,
        categories=list(categories),
        text=text.strip(),
    )


def stockouts(scope: Scope, period: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return how long shelves of a scope were empty in a period: one row, or none.

    Columns: availability_pct, null of several categories, and est_lost_revenue.
    """
    return serving.query(
        f"""
        select
            case when count(*) = 1 then any_value(availability_pct) end as availability_pct,
            sum(est_lost_revenue) as est_lost_revenue
        from analytics.stockout_analysis
        where period = $period and store_id = $store_id and currency = $currency
            and item_id = 'ALL' and {_MEANT}
        having count(*) > 0
        """,
        period=period,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
    )


def stockout_items(
    scope: Scope, period: str, *, categories: Sequence[str], only_frequent: bool = False
) -> pl.DataFrame:
    """Return the items that were out of stock, what lost most first.

    Beside the columns of `analytics.stockout_analysis`: product_name, and lost_share, the share of
    this and all items before it in what all of them lost, 0 to 1.

    Args:
        scope: Whose.
        period: 30d, 90d or 365d.
        categories: Categories; none means all.
        only_frequent: Only items that were out of stock again and again.
    """
    return serving.query(
        """
        select
            outs.*,
            products.product_name,
            sum(outs.est_lost_revenue) over (
                order by outs.est_lost_revenue desc, outs.item_id
                rows between unbounded preceding and current row
            ) / nullif(sum(outs.est_lost_revenue) over (), 0) as lost_share
        from analytics.stockout_analysis as outs
        left join analytics.dim_product as products
            on outs.item_id = products.item_id and products.is_current
        where outs.period = $period and outs.store_id = $store_id
            and outs.currency = $currency and outs.item_id <> 'ALL' and outs.category <> 'ALL'
            and outs.oos_minutes > 0
            and (outs.frequent_oos_flag or not $only_frequent)
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], outs.category))
        order by outs.est_lost_revenue desc, outs.item_id
        """,
        period=period,
        store_id=scope.store_id,
        currency=scope.currency,
        only_frequent=only_frequent,
        categories=list(categories),
    )


def flows(scope: Scope, since: date, until: date, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return what moved in a span of days, by type and place: units with the sign of the place.

    Args:
        scope: Whose.
        since: First day.
        until: The day after the last one.
        categories: Categories.
    """
    return serving.query(
        f"""
        select
            movement_type, location,
            cast(sum(events) as bigint) as events,
            cast(sum(units) as bigint) as units,
            sum(value_at_cost) as value_at_cost
        from analytics.stock_movement_summary
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and date_key >= $since and date_key < $until and movement_type <> 'OPENING'
            and {_OF_CATEGORIES.format(of="")}
        group by movement_type, location
        order by movement_type, location
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        all=ALL,
        since=since,
        until=until,
    )


def net_movement(
    scope: Scope, since: date, until: date, categories: Sequence[str] = ()
) -> pl.DataFrame:
    """Return by how much shelves and warehouses changed: date_key, shelf, warehouse; by date.

    Args:
        scope: Whose.
        since: First day.
        until: The day after the last one.
        categories: Categories.
    """
    return serving.query(
        f"""
        select
            date_key,
            cast(coalesce(sum(units) filter (location = 'shelf'), 0) as bigint) as shelf,
            cast(coalesce(sum(units) filter (location = 'warehouse'), 0) as bigint) as warehouse
        from analytics.stock_movement_summary
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and date_key >= $since and date_key < $until and movement_type <> 'OPENING'
            and {_OF_CATEGORIES.format(of="")}
        group by date_key
        order by date_key
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        all=ALL,
        since=since,
        until=until,
    )


def category_movement(scope: Scope, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return what moved in the last 30 whole business days by category, what sold most first."""
    return serving.query(
        f"""
        select
            category,
            cast(sum(total_sold) as bigint) as total_sold,
            cast(sum(total_returned) as bigint) as total_returned,
            cast(sum(total_restocked) as bigint) as total_restocked,
            cast(sum(total_wasted) as bigint) as total_wasted,
            cast(sum(net_shelf_change) as bigint) as net_shelf_change,
            cast(sum(net_warehouse_change) as bigint) as net_warehouse_change
        from analytics.category_stock_status
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and {_OF_CATEGORIES.format(of="")}
        group by category
        order by total_sold desc, category
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        all=ALL,
    )


def turnover(scope: Scope, period: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return how often goods of a scope are turned over: one row, or none.

    Columns: days_inventory_outstanding and gmroi, null of several categories.
    """
    return serving.query(
        f"""
        select
            case when count(*) = 1 then any_value(days_inventory_outstanding) end
                as days_inventory_outstanding,
            case when count(*) = 1 then any_value(gmroi) end as gmroi
        from analytics.inventory_turnover
        where period = $period and store_id = $store_id and currency = $currency
            and item_id = 'ALL' and {_MEANT}
        having count(*) > 0
        """,
        period=period,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
    )


def turnover_categories(scope: Scope, period: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return the turnover of categories, what stays longest first."""
    return serving.query(
        f"""
        select *
        from analytics.inventory_turnover
        where period = $period and store_id = $store_id and currency = $currency
            and category <> 'ALL' and item_id = 'ALL'
            and {_OF_CATEGORIES.format(of="")}
        order by days_inventory_outstanding desc nulls last, category
        """,
        period=period,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
    )


def classes(scope: Scope, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return items and revenue by class of revenue and of variation: abc_class, xyz_class."""
    return serving.query(
        f"""
        select
            abc_class, xyz_class,
            count(*) as items,
            sum(revenue) as revenue
        from analytics.item_classification
        where store_id = $store_id and currency = $currency
            and {_OF_CATEGORIES.format(of="")}
        group by abc_class, xyz_class
        order by abc_class, xyz_class
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
    )


def movers(scope: Scope, which: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return the twenty fastest or slowest items, or those of some categories among them.

    Args:
        scope: Whose.
        which: high or slow.
        categories: Categories.
    """
    return serving.query(
        f"""
        select movers.*, products.product_name
        from analytics.item_movers as movers
        left join analytics.dim_product as products
            on movers.item_id = products.item_id and products.is_current
        where movers.store_id = $store_id and movers.currency = $currency
            and movers.list = $which
            and {_OF_CATEGORIES.format(of="movers.")}
        order by movers.place
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        which=which,
    )


def ages(scope: Scope, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return pieces and their cost by category and age: category, age_bucket, units, value."""
    return serving.query(
        f"""
        select category, age_bucket, cast(sum(units) as bigint) as units, sum(value) as value
        from analytics.inventory_ageing
        where currency = $currency and ($store_id = $all or store_id = $store_id)
            and {_OF_CATEGORIES.format(of="")}
        group by category, age_bucket
        order by sum(sum(value)) over (partition by category) desc, category, age_bucket
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        all=ALL,
    )


def near_expiry(scope: Scope, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return items with pieces that expire within 7 days, what is likely to be lost first.

    Columns: store_id, item_id, product_name, category, nearest_expiry, qty_expiring_7d,
    expiring_value (at cost), avg_daily_units, expiry_risk_score, markdown_suggestion_pct.
    """
    return serving.query(
        f"""
        select
            classes.store_id, classes.item_id, products.product_name, classes.category,
            stock.nearest_expiry, classes.qty_expiring_7d,
            cast(classes.qty_expiring_7d * stock.unit_cost as double) as expiring_value,
            classes.avg_daily_units, classes.expiry_risk_score, classes.markdown_suggestion_pct
        from analytics.item_classification as classes
        inner join analytics.current_inventory as stock
            on classes.store_id = stock.store_id and classes.item_id = stock.item_id
        left join analytics.dim_product as products
            on classes.item_id = products.item_id and products.is_current
        where classes.currency = $currency
            and ($store_id = $all or classes.store_id = $store_id)
            and classes.qty_expiring_7d > 0
            and {_OF_CATEGORIES.format(of="classes.")}
        order by classes.expiry_risk_score * expiring_value desc nulls last,
            expiring_value desc nulls last, classes.store_id, classes.item_id
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        categories=list(categories),
        all=ALL,
    )
