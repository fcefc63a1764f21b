"""What the lots page asks: pieces by lot and place, with their dates, and counts of them."""

from dataclasses import dataclass

import polars as pl

from dashboard import serving

# Lots that are used up are left out. The filters are those of `LotFilter`.
_LOTS = """
    with everywhere as (
        select
            store_id, 'shelf' as location, shelf_id, category, subcategory, batch_code,
            received_date, expiry_date, days_to_expiry, batch_quantity_store as quantity,
            markdown, last_event_ts
        from cleansed.shelf_batch_state
        union all
        select
            store_id, 'warehouse' as location, shelf_id, category, subcategory, batch_code,
            received_date, expiry_date, days_to_expiry, batch_quantity_warehouse as quantity,
            0 as markdown, last_event_ts
        from cleansed.warehouse_batch_state
    ),

    lots as (
        select *
        from everywhere
        where quantity <> 0
            and list_contains($store_ids::varchar[], store_id)
            and (len($locations::varchar[]) = 0
                or list_contains($locations::varchar[], location))
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], category))
            and ($subcategory is null or subcategory = $subcategory)
            and ($within is null or days_to_expiry <= $within)
            and ($text = ''
                or contains(
                    lower(concat_ws(' ', shelf_id, subcategory, batch_code)), lower($text)
                ))
    )
"""


@dataclass(frozen=True)
class LotFilter:
    """What to show of the lots.

    Attributes:
        store_ids: Stores.
        locations: shelf, warehouse; none means both.
        categories: Categories; none means all.
        subcategory: Only this one.
        within: Only lots that expire within these days; -1 means that they have expired.
        text: Part of the shelf id, the subcategory or the lot.
    """

    store_ids: tuple[str, ...]
    locations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subcategory: str | None = None
    within: int | None = None
    text: str = ""


def _query(select: str, wanted: LotFilter) -> pl.DataFrame:
    return serving.query(
        _LOTS + select,
        store_ids=list(wanted.store_ids),
        locations=list(wanted.locations),
        categories=list(wanted.categories),
        subcategory=wanted.subcategory,
        within=wanted.within,
        text=wanted.text.strip(),
    )


def lots(wanted: LotFilter) -> pl.DataFrame:
    """Return lots by place, those that expire first at the top.

    Columns: those of the state tables, location, quantity, store_name and row_id; markdown is 0
    where none is in force. Pieces of no known lot have no batch_code.
    """
    return _query(
        """
        select
            concat_ws(
                '/', lots.store_id, lots.location, lots.shelf_id, coalesce(lots.batch_code, '')
            ) as row_id,
            lots.*,
            stores.store_name
        from lots
        inner join ref.stores as stores on lots.store_id = stores.store_id
        order by
            lots.days_to_expiry nulls last, lots.store_id, lots.shelf_id, lots.location,
            lots.batch_code
        """,
        wanted,
    )


def count(store_ids: tuple[str, ...], locations: tuple[str, ...] = ()) -> int:
    """Return how many lots there are, by place.

    Args:
        store_ids: Stores.
        locations: shelf, warehouse; none means both.
    """
    wanted = LotFilter(store_ids, locations)
    return int(_query("select count(*) as lots from lots", wanted).item())


def figures(wanted: LotFilter) -> pl.DataFrame:
    """Return one row of pieces: expired, within_1, within_5, marked_down, unknown_lot.

    Those within some days do not count what has expired.
    """
    return _query(
        """
        select
            cast(coalesce(sum(quantity) filter (days_to_expiry < 0), 0) as bigint) as expired,
            cast(coalesce(sum(quantity) filter (days_to_expiry between 0 and 1), 0) as bigint)
                as within_1,
            cast(coalesce(sum(quantity) filter (days_to_expiry between 0 and 5), 0) as bigint)
                as within_5,
            cast(coalesce(sum(quantity) filter (markdown > 0), 0) as bigint) as marked_down,
            cast(coalesce(sum(quantity) filter (batch_code is null), 0) as bigint) as unknown_lot
        from lots
        """,
        wanted,
    )


def by_days(wanted: LotFilter) -> pl.DataFrame:
    """Return pieces by location and days_to_expiry, which is null where the date is not known."""
    return _query(
        """
        select location, days_to_expiry, cast(sum(quantity) as bigint) as quantity
        from lots
        group by location, days_to_expiry
        order by location, days_to_expiry
        """,
        wanted,
    )


def of_item(store_id: str, item_id: str) -> pl.DataFrame:
    """Return the lots of an item of a store, as `lots` does."""
    found = lots(LotFilter((store_id,), text=item_id))
    return found.filter(pl.col("shelf_id") == item_id)


def corrections(store_id: str, item_id: str) -> pl.DataFrame:
    """Return what counts of an item have corrected, newest first."""
    return serving.query(
        """
        select
            event_ts, location, batch_code, counted_qty, book_qty, correction_qty, actor, note
        from ops.stock_corrections
        where store_id = $store_id and shelf_id = $item_id
        order by event_ts desc, event_id
        """,
        store_id=store_id,
        item_id=item_id,
    )
