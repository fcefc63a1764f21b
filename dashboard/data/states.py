"""What the states page asks: stock on shelves and in warehouses, and the story of one item."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboard import serving

_FILTERS = """
    where list_contains($store_ids::varchar[], state.store_id)
        and (len($categories::varchar[]) = 0
            or list_contains($categories::varchar[], state.category))
        and ($subcategory is null or state.subcategory = $subcategory)
        and (not $only_low or state.is_low)
        and ($text = ''
            or contains(lower(state.shelf_id), lower($text))
            or contains(lower(state.subcategory), lower($text)))
    order by state.fill_rate nulls last, state.store_id, state.shelf_id
"""

_TABLES = {
    "shelf": """
        select
            state.store_id, stores.store_name, state.shelf_id, state.category, state.subcategory,
            state.aisle, state.fill_rate, state.current_stock, state.shelf_capacity,
            state.low_below_qty, state.target_qty, state.is_low, state.in_transit, state.in_carts,
            state.last_event_ts
        from cleansed.shelf_state as state
        inner join ref.stores as stores on state.store_id = stores.store_id
        """,
    "warehouse": """
        select
            state.store_id, stores.store_name, state.shelf_id, state.category, state.subcategory,
            state.fill_rate, state.current_stock, state.warehouse_capacity, state.reorder_point,
            state.batch_size, state.is_low, state.last_event_ts
        from cleansed.warehouse_state as state
        inner join ref.stores as stores on state.store_id = stores.store_id
        """,
}

_TOTALS = {
    "shelf": "select count(*) from cleansed.shelf_state",
    "warehouse": "select count(*) from cleansed.warehouse_state",
}


@dataclass(frozen=True)
class StateFilter:
    """What to show of a state table.

    Attributes:
        store_ids: Stores.
        categories: Categories; none means all.
        subcategory: Only this one.
        text: Part of the shelf id or the subcategory.
        only_low: Only what is low.
    """

    store_ids: tuple[str, ...]
    categories: tuple[str, ...] = ()
    subcategory: str | None = None
    text: str = ""
    only_low: bool = False


def states(location: str, wanted: StateFilter) -> pl.DataFrame:
    """Return the stock at a location, emptiest first.

    Args:
        location: shelf or warehouse.
        wanted: Filters; all are applied in SQL.
    """
    return serving.query(
        _TABLES[location] + _FILTERS,
        store_ids=list(wanted.store_ids),
        categories=list(wanted.categories),
        subcategory=wanted.subcategory,
        only_low=wanted.only_low,
        text=wanted.text.strip(),
    )


def total(location: str, store_ids: tuple[str, ...]) -> int:
    """Return how many rows there are without filters."""
    return int(
        serving.query(
            _TOTALS[location] + " where list_contains($store_ids::varchar[], store_id)",
            store_ids=list(store_ids),
        ).item()
    )


def subcategories(store_ids: tuple[str, ...]) -> pl.DataFrame:
    """Return category and subcategory of all that stores carry."""
    return serving.query(
        """
        select distinct category, subcategory
        from cleansed.shelf_state
        where list_contains($store_ids::varchar[], store_id)
        order by category, subcategory
        """,
        store_ids=list(store_ids),
    )


def item(store_id: str, item_id: str) -> pl.DataFrame:
    """Return one row about an item of a store, none when the store does not carry it."""
    return serving.query(
        """
        select
            items.*,
            shelf.current_stock as shelf_stock,
            shelf.shelf_capacity,
            shelf.low_below_qty,
            shelf.target_qty,
            shelf.is_low as is_shelf_low,
            shelf.in_transit,
            warehouse.current_stock as warehouse_stock,
            warehouse.warehouse_capacity,
            warehouse.reorder_point,
            warehouse.is_low as is_warehouse_low
        from ref.items as items
        inner join cleansed.shelf_state as shelf on items.item_id = shelf.shelf_id
        inner join cleansed.warehouse_state as warehouse
            on shelf.store_id = warehouse.store_id and shelf.shelf_id = warehouse.shelf_id
        where shelf.store_id = $store_id and items.item_id = $item_id
        """,
        store_id=store_id,
        item_id=item_id,
    )


def trajectory(store_id: str, item_id: str, since: datetime | None) -> pl.DataFrame:
    """Return the stock of an item after each movement on the shelf and in the warehouse.

    Columns: location, event_ts, movement_type, qty_signed, stock. The stock counts all movements
    from the first.

    Args:
        store_id: Store.
        item_id: Item.
        since: Leave out what was before, but for the last movement, which says where things
            stood; `None` leaves out nothing.
    """
    return serving.query(
        """
        with running as (
            select
                location,
                event_ts,
                movement_type,
                qty_signed,
                row_number() over timeline as place,
                sum(qty_signed) over timeline as stock
            from cleansed.stock_movements
            where store_id = $store_id and item_id = $item_id
                and location in ('shelf', 'warehouse')
            window timeline as (
                partition by location order by event_ts, source_table, event_id, leg
                rows between unbounded preceding and current row
            )
        )

        select location, event_ts, movement_type, qty_signed, cast(stock as bigint) as stock
        from running
        qualify
            $since::timestamptz is null
            or event_ts >= $since::timestamptz
            or row_number() over (
                partition by location, event_ts < $since::timestamptz
                order by event_ts desc, place desc
            ) = 1
        order by location, place
        """,
        store_id=store_id,
        item_id=item_id,
        since=since,
    )


def thresholds(store_id: str, item_id: str) -> pl.DataFrame:
    """Return the quantities that applied to an item, by location and time."""
    return serving.query(
        """
        select location, capacity, low_below_qty, target_qty, valid_from_ts, valid_to_ts
        from cleansed.stock_thresholds
        where store_id = $store_id and item_id = $item_id
        order by location, valid_from_ts
        """,
        store_id=store_id,
        item_id=item_id,
    )
