"""What the supply page asks: the plan of a cutoff, orders, deliveries and past cutoffs."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from dashboard import serving


def cutoffs(store_ids: list[str]) -> pl.DataFrame:
    """Return the cutoffs of stores, the coming ones first, then newest first."""
    return serving.query(
        """
        select
            cutoffs.*,
            stores.store_name,
            stores.timezone
        from ops.supplier_cutoffs as cutoffs
        inner join ref.stores as stores on cutoffs.store_id = stores.store_id
        where list_contains($store_ids::varchar[], cutoffs.store_id)
        order by cutoffs.status = 'next' desc, cutoffs.cutoff_ts desc, cutoffs.store_id
        """,
        store_ids=store_ids,
    )


# The categories that are meant; none means all.
_OF_CATEGORIES = """
    (len($categories::varchar[]) = 0 or list_contains($categories::varchar[], {of}category))
"""
# Whether the day on which an order is due lies in a period; `kept` is shown though it is before it.
_DUE = """
    ($since::date is null or {kept}
        or cast(orders.delivery_ts at time zone stores.timezone as date) >= $since::date)
    and ($until::date is null
        or cast(orders.delivery_ts at time zone stores.timezone as date) <= $until::date)
"""


def figures(store_ids: list[str], categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return one row: what is planned for the next cutoff, what was ordered and what is late.

    Columns: planned_lines, planned_pieces, held_lines, ordered_lines, ordered_pieces,
    overdue_lines, overdue_pieces. Ordered counts all that has not come yet, what is late included.

    Args:
        store_ids: Stores.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        with plan as (
            select plan.*
            from ops.supplier_plan as plan
            inner join ops.supplier_cutoffs as cutoffs
                on plan.store_id = cutoffs.store_id and plan.cutoff_ts = cutoffs.cutoff_ts
            where cutoffs.status = 'next'
                and list_contains($store_ids::varchar[], plan.store_id)
                and {_OF_CATEGORIES.format(of="plan.")}
        ),

        planned as (
            select
                count(*) filter (order_qty > 0) as planned_lines,
                cast(coalesce(sum(order_qty), 0) as bigint) as planned_pieces,
                count(*) filter (decision = 'held') as held_lines
            from plan
        ),

        ordered as (
            select
                count(*) as ordered_lines,
                cast(coalesce(sum(ordered_qty), 0) as bigint) as ordered_pieces,
                count(*) filter (status = 'overdue') as overdue_lines,
                cast(coalesce(sum(ordered_qty) filter (status = 'overdue'), 0) as bigint)
                    as overdue_pieces
            from ops.supplier_orders
            where status in ('issued', 'overdue')
                and list_contains($store_ids::varchar[], store_id)
                and {_OF_CATEGORIES.format(of="")}
        )

        select *
        from planned
        cross join ordered
        """,
        store_ids=store_ids,
        categories=list(categories),
    )


def plan(
    store_ids: list[str],
    *,
    cutoff_ts: datetime | None = None,
    categories: Sequence[str] = (),
    bounds: list[str] | None = None,
    decisions: list[str] | None = None,
    text: str = "",
) -> pl.DataFrame:
    """Return the planned orders of a cutoff, the largest first.

    Args:
        store_ids: Stores.
        cutoff_ts: Which cutoff; `None` is the next one of each store.
        categories: Categories; none means all, as for the other filters.
        bounds: What bound the quantity.
        decisions: What people decided; `none` stands for nothing so far.
        text: Part of the shelf id or the subcategory.
    """
    return serving.query(
        """
        select
            -- Lines that were ordered do not name it.
            plan.* replace (coalesce(plan.policy, cutoffs.policy) as policy),
            stores.store_name
        from ops.supplier_plan as plan
        inner join ref.stores as stores on plan.store_id = stores.store_id
        left join ops.supplier_cutoffs as cutoffs
            on plan.store_id = cutoffs.store_id and plan.cutoff_ts = cutoffs.cutoff_ts
        where list_contains($store_ids::varchar[], plan.store_id)
            and coalesce(plan.cutoff_ts = $cutoff_ts::timestamptz, cutoffs.status = 'next')
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], plan.category))
            and (len($bounds::varchar[]) = 0
                or list_contains($bounds::varchar[], plan.bound))
            and (len($decisions::varchar[]) = 0
                or list_contains($decisions::varchar[], coalesce(plan.decision, 'none')))
            and ($text = ''
                or contains(lower(plan.shelf_id), lower($text))
                or contains(lower(plan.subcategory), lower($text)))
        order by plan.order_qty desc, plan.planned_qty desc, plan.store_id, plan.shelf_id
        """,
        store_ids=store_ids,
        cutoff_ts=cutoff_ts,
        categories=list(categories),
        bounds=bounds or [],
        decisions=decisions or [],
        text=text.strip(),
    )


def line_of_item(
    store_id: str, item_id: str, cutoff_ts: datetime | None = None
) -> dict[str, Any] | None:
    """Return the planned order of an item for a cutoff, `None` when there is none.

    Args:
        store_id: Store.
        item_id: Item.
        cutoff_ts: Which cutoff; `None` is the next one.
    """
    found = plan([store_id], cutoff_ts=cutoff_ts, text=item_id)
    lines = found.filter(pl.col("shelf_id") == item_id).rows(named=True)
    return lines[0] if lines else None


def orders(
    store_ids: list[str],
    *,
    since: date | None = None,
    until: date | None = None,
    statuses: list[str] | None = None,
    categories: Sequence[str] = (),
    text: str = "",
    only_differences: bool = False,
) -> pl.DataFrame:
    """Return supplier orders, the newest delivery first.

    Args:
        store_ids: Stores.
        since: First day on which they are due, by the clock of their store; those that have not
            come are shown all the same. `None` for all.
        until: Last day; `None` for all.
        statuses: Statuses; none means all, as for the other filters.
        categories: Categories.
        text: Part of the shelf id, the subcategory or the order id.
        only_differences: Only delivered ones that did not bring exactly what was ordered.
    """
    return serving.query(
        f"""
        select
            orders.*,
            stores.store_name,
            stores.currency
        from ops.supplier_orders as orders
        inner join ref.stores as stores on orders.store_id = stores.store_id
        where list_contains($store_ids::varchar[], orders.store_id)
            and (len($statuses::varchar[]) = 0
                or list_contains($statuses::varchar[], orders.status))
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], orders.category))
            and {_DUE.format(kept="orders.status <> 'delivered'")}
            and (not $only_differences
                or (orders.status = 'delivered'
                    and orders.received_qty is distinct from orders.ordered_qty))
            and ($text = ''
                or contains(lower(orders.shelf_id), lower($text))
                or contains(lower(orders.subcategory), lower($text))
                or contains(lower(orders.order_id), lower($text)))
        order by
            orders.status = 'overdue' desc, orders.delivery_ts desc, orders.ordered_qty desc,
            orders.order_id
        """,
        store_ids=store_ids,
        since=since,
        until=until,
        statuses=statuses or [],
        categories=list(categories),
        text=text.strip(),
        only_differences=only_differences,
    )


def of_item(store_id: str, item_id: str) -> pl.DataFrame:
    """Return the supplier orders of an item of a store, as `orders` does."""
    return orders([store_id], text=item_id).filter(pl.col("shelf_id") == item_id)


def count_orders(store_ids: list[str]) -> int:
    """Return how many supplier orders there are in stores, whatever their status."""
    return int(
        serving.query(
            """
            select count(*) as orders
            from ops.supplier_orders
            where list_contains($store_ids::varchar[], store_id)
            """,
            store_ids=store_ids,
        ).item()
    )


def deliveries(
    store_ids: list[str],
    since: date | None = None,
    until: date | None = None,
    categories: Sequence[str] = (),
) -> pl.DataFrame:
    """Return one row per day of planned delivery, oldest first.

    Columns: delivery_date, lines, ordered, received, damaged, missing, outstanding, delay_minutes.
    The day is that of the store. Missing is what a finished delivery did not bring, outstanding
    what has not come yet; the delay is that of the latest receipt of the day.

    Args:
        store_ids: Stores.
        since: First day; `None` for all.
        until: Last day; `None` for all.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        with receipts as (
            select order_id, max(delay_minutes) as delay_minutes
            from ops.supplier_receipts
            where list_contains($store_ids::varchar[], store_id)
            group by order_id
        )

        select
            cast(orders.delivery_ts at time zone stores.timezone as date) as delivery_date,
            count(*) as lines,
            cast(sum(orders.ordered_qty) as bigint) as ordered,
            cast(coalesce(sum(orders.received_qty), 0) as bigint) as received,
            cast(coalesce(sum(orders.damaged_qty), 0) as bigint) as damaged,
            cast(coalesce(sum(greatest(orders.missing_qty, 0)), 0) as bigint) as missing,
            cast(coalesce(
                sum(orders.ordered_qty) filter (orders.status in ('issued', 'overdue')), 0
            ) as bigint) as outstanding,
            cast(max(receipts.delay_minutes) as bigint) as delay_minutes
        from ops.supplier_orders as orders
        inner join ref.stores as stores on orders.store_id = stores.store_id
        left join receipts on orders.order_id = receipts.order_id
        where list_contains($store_ids::varchar[], orders.store_id)
            and {_DUE.format(kept="false")}
            and {_OF_CATEGORIES.format(of="orders.")}
        group by delivery_date
        order by delivery_date
        """,
        store_ids=store_ids,
        since=since,
        until=until,
        categories=list(categories),
    )


def timeline(
    store_ids: list[str], *, by_store: bool, cutoffs: int, categories: Sequence[str] = ()
) -> pl.DataFrame:
    """Return what became of the orders of the last cutoffs, and the coming one; newest first.

    One row per day of cutoff and of delivery, and per store where wanted. Columns: store_name,
    cutoff_date, cutoff_ts, delivery_ts: when the last was due, received_ts: when the last came,
    null while any is to come, stores, orders (0 for the coming cutoff), received, late,
    late_stores, is_planned.

    Args:
        store_ids: Stores.
        by_store: Whether each store has rows of its own.
        cutoffs: How many days of cutoffs.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        with lines as (
            select
                store_id,
                cutoff_ts,
                delivery_ts,
                count(*) as orders,
                count(*) filter (status = 'delivered') as received,
                count(*) filter (is_late) as late,
                max(delivered_ts) as received_ts,
                false as is_planned
            from ops.supplier_orders
            where {_OF_CATEGORIES.format(of="")}
            group by store_id, cutoff_ts, delivery_ts
            union all
            select store_id, cutoff_ts, delivery_ts, 0, 0, 0, null, true
            from ops.supplier_cutoffs
            where status = 'next'
        ),

        named as (
            select
                lines.*,
                stores.store_name,
                case when $by_store then lines.store_id else 'ALL' end as line_of,
                cast(lines.cutoff_ts at time zone stores.timezone as date) as cutoff_date,
                cast(lines.delivery_ts at time zone stores.timezone as date) as delivery_date
            from lines
            inner join ref.stores as stores on lines.store_id = stores.store_id
            where list_contains($store_ids::varchar[], lines.store_id)
        )

        select
            any_value(store_name) as store_name,
            cutoff_date,
            min(cutoff_ts) as cutoff_ts,
            max(delivery_ts) as delivery_ts,
            case when sum(received) = sum(orders) then max(received_ts) end as received_ts,
            count(distinct store_id) as stores,
            cast(sum(orders) as bigint) as orders,
            cast(sum(received) as bigint) as received,
            cast(sum(late) as bigint) as late,
            count(distinct store_id) filter (late > 0) as late_stores,
            bool_and(is_planned) as is_planned
        from named
        group by line_of, cutoff_date, delivery_date
        qualify dense_rank() over (order by cutoff_date desc) <= $cutoffs
        order by cutoff_date desc, line_of, delivery_date
        """,
        store_ids=store_ids,
        by_store=by_store,
        cutoffs=cutoffs,
        categories=list(categories),
    )


# Lots that staff scanned into the warehouse, by the store's own days.
_CAME_IN = """
    select
        moved.store_id,
        stores.store_name,
        cast(moved.event_ts at time zone stores.timezone as date) as day,
        moved.event_ts,
        moved.item_id as shelf_id,
        moved.batch_code,
        moved.movement_type as reason,
        moved.qty_signed as quantity,
        moved.received_date,
        moved.expiry_date,
        moved.ref_id as came_for,
        moved.event_id
    from cleansed.stock_movements as moved
    inner join ref.stores as stores on moved.store_id = stores.store_id
    where list_contains($store_ids::varchar[], moved.store_id)
        and moved.location = 'warehouse'
        and moved.movement_type in ('WH_IN', 'RESTOCK_RETURN')
        and ($since::date is null or moved.event_date >= $since::date - 1)
        and moved.event_date <= $until::date + 1
        and (len($categories::varchar[]) = 0 or moved.item_id in (
            select item_id from ref.items where list_contains($categories::varchar[], category)
        ))
"""


def restocks(
    store_ids: list[str], since: date | None, until: date, categories: Sequence[str] = ()
) -> pl.DataFrame:
    """Return the days on which goods came into warehouses, the newest first.

    Columns: store_id, store_name, day, first_ts, last_ts, shelves (of one item each), lots, pieces,
    returned_pieces (of these, what did not fit on shelves).

    Args:
        store_ids: Stores.
        since: First day, by the clock of each store; `None` begins with the first.
        until: Last day.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        with came_in as ({_CAME_IN})

        select
            store_id,
            store_name,
            day,
            min(event_ts) as first_ts,
            max(event_ts) as last_ts,
            count(distinct shelf_id) as shelves,
            count(distinct (shelf_id, batch_code)) as lots,
            cast(sum(quantity) as bigint) as pieces,
            cast(coalesce(sum(quantity) filter (reason = 'RESTOCK_RETURN'), 0) as bigint)
                as returned_pieces
        from came_in
        where ($since::date is null or day >= $since::date) and day <= $until::date
        group by store_id, store_name, day
        order by day desc, last_ts desc, store_id
        """,
        store_ids=store_ids,
        since=since,
        until=until,
        categories=list(categories),
    )


def restocked_lots(store_id: str, day: date, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return the lots that came into the warehouse of a store on a day, the last ones first.

    Columns: store_id, event_ts, shelf_id, subcategory, batch_code, reason (WH_IN: delivered,
    RESTOCK_RETURN: did not fit on the shelf), quantity, left_now (pieces of the lot that are in the
    warehouse now), received_date, expiry_date, came_for (order or restock task), event_id.
    """
    return serving.query(
        f"""
        with came_in as ({_CAME_IN})

        select
            came_in.store_id,
            came_in.event_ts,
            came_in.shelf_id,
            items.subcategory,
            came_in.batch_code,
            came_in.reason,
            came_in.quantity,
            coalesce(lots.batch_quantity_warehouse, 0) as left_now,
            came_in.received_date,
            came_in.expiry_date,
            came_in.came_for,
            came_in.event_id
        from came_in
        left join ref.items as items on came_in.shelf_id = items.item_id
        left join cleansed.warehouse_batch_state as lots
            on came_in.store_id = lots.store_id
            and came_in.shelf_id = lots.shelf_id
            and came_in.batch_code = lots.batch_code
        where came_in.day = $since::date
        order by came_in.event_ts desc, came_in.event_id
        """,
        store_ids=[store_id],
        since=day,
        until=day,
        categories=list(categories),
    )
