"""What the store map shows: zones, and the shelves and alerts of one of them."""

from collections.abc import Sequence

import polars as pl

from dashboard import serving


def figures(store_id: str, categories: Sequence[str]) -> pl.DataFrame:
    """Return one row of what `live.store_status` counts of a store, of some categories only.

    Columns: shelf_alerts, warehouse_alerts, empty_shelves, open_tasks.

    Args:
        store_id: Store.
        categories: One at least.
    """
    return serving.query(
        """
        select
            cast(coalesce(sum(shelf_alerts), 0) as bigint) as shelf_alerts,
            cast(coalesce(sum(warehouse_alerts), 0) as bigint) as warehouse_alerts,
            cast(coalesce(sum(empty_shelves), 0) as bigint) as empty_shelves,
            cast(coalesce(sum(open_tasks), 0) as bigint) as open_tasks
        from live.category_status
        where store_id = $store_id and list_contains($categories::varchar[], category)
        """,
        store_id=store_id,
        categories=list(categories),
    )


def zones(store_id: str, categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return one row per zone of the floor plan, with what is wrong on its shelves.

    Columns: zone_id, category, label, x0, y0, x1, y1, shelves, low_shelves, empty_shelves,
    open_alerts, acknowledged_alerts.

    Args:
        store_id: Store.
        categories: Zones of these only; none means all.
    """
    return serving.query(
        """
        select
            zones.*,
            coalesce(status.shelves, 0) as shelves,
            coalesce(status.low_shelves, 0) as low_shelves,
            coalesce(status.empty_shelves, 0) as empty_shelves,
            coalesce(status.open_shelf_alerts, 0) as open_alerts,
            coalesce(status.acknowledged_shelf_alerts, 0) as acknowledged_alerts
        from ref.zones as zones
        left join live.category_status as status
            on zones.category = status.category and status.store_id = $store_id
        where len($categories::varchar[]) = 0
            or list_contains($categories::varchar[], zones.category)
        order by zones.zone_id
        """,
        store_id=store_id,
        categories=list(categories),
    )


def zone_label(category: str) -> str | None:
    """Return what the zone of a category is called on the map, and so in the URL."""
    rows = serving.query(
        "select label from ref.zones where category = $category order by zone_id limit 1",
        category=category,
    ).rows()
    return rows[0][0] if rows else None


def alerts_off_the_map(store_id: str, categories: Sequence[str] = ()) -> int:
    """Return how many active shelf alerts concern categories that have no zone.

    Args:
        store_id: Store.
        categories: Of these only; none means all.
    """
    frame = serving.query(
        """
        select cast(coalesce(sum(shelf_alerts), 0) as bigint)
        from live.category_status
        where store_id = $store_id
            and category not in (select category from ref.zones)
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], category))
        """,
        store_id=store_id,
        categories=list(categories),
    )
    return int(frame.item())


def shelves(store_id: str, category: str) -> pl.DataFrame:
    """Return the shelves of a category, those in need first, with their newest task.

    `task_status` is that of the newest restock command; a plan that is about to be issued wins.
    """
    return serving.query(
        """
        with newest_command as (
            select shelf_id, status, qty, updated_ts
            from ops.commands
            where store_id = $store_id and command_type = 'restock'
            qualify row_number() over (partition by shelf_id order by issued_ts desc) = 1
        ),

        planned as (
            select shelf_id, status, suggested_qty, updated_ts
            from ops.shelf_restock_plan
            where store_id = $store_id and status = 'pending'
        )

        select
            shelves.shelf_id,
            shelves.subcategory,
            shelves.current_stock,
            shelves.shelf_capacity,
            shelves.fill_rate,
            shelves.low_below_qty,
            shelves.target_qty,
            shelves.is_low,
            coalesce(planned.status, newest_command.status) as task_status,
            coalesce(planned.suggested_qty, newest_command.qty) as task_qty,
            coalesce(planned.updated_ts, newest_command.updated_ts) as task_ts
        from cleansed.shelf_state as shelves
        left join newest_command on shelves.shelf_id = newest_command.shelf_id
        left join planned on shelves.shelf_id = planned.shelf_id
        where shelves.store_id = $store_id and shelves.category = $category
        order by shelves.is_low desc, shelves.fill_rate, shelves.shelf_id
        """,
        store_id=store_id,
        category=category,
    )
