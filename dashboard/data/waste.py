"""What the waste page asks: what was thrown away, what was marked down, and what that cost."""

from datetime import date
from typing import Literal

import polars as pl

from dashboard import serving

# Whether a business date lies in the period; `$since` is null for all of it.
_IN_PERIOD = """
    list_contains($store_ids::varchar[], store_id)
    and ($since::date is null or business_date >= $since::date)
"""

_FILTERS = """
    list_contains($store_ids::varchar[], plans.store_id)
        and (len($statuses::varchar[]) = 0
            or list_contains($statuses::varchar[], plans.status))
        and (len($categories::varchar[]) = 0
            or list_contains($categories::varchar[], plans.category))
        and ($text = ''
            or contains(
                lower(concat_ws(' ', plans.shelf_id, plans.subcategory, plans.batch_code)),
                lower($text)
            ))
"""


def figures(store_ids: list[str], since: date | None) -> pl.DataFrame:
    """Return one row of sums over a period.

    Columns: wasted_units, wasted_value, marked_down_units, marked_down_net, markdown_cost.

    Args:
        store_ids: Stores.
        since: First business date; `None` begins with the first.
    """
    return serving.query(
        f"""
        select
            cast(coalesce(sum(wasted_units), 0) as bigint) as wasted_units,
            cast(coalesce(sum(wasted_value), 0) as double) as wasted_value,
            cast(coalesce(sum(marked_down_units), 0) as bigint) as marked_down_units,
            cast(coalesce(sum(marked_down_net), 0) as double) as marked_down_net,
            cast(coalesce(sum(markdown_cost), 0) as double) as markdown_cost
        from live.waste_daily
        where {_IN_PERIOD}
        """,
        store_ids=store_ids,
        since=since,
    )


def daily(store_ids: list[str], since: date | None) -> pl.DataFrame:
    """Return the same sums by business_date and category, by date.

    Args:
        store_ids: Stores.
        since: First business date; `None` begins with the first.
    """
    return serving.query(
        f"""
        select
            business_date,
            category,
            cast(coalesce(sum(wasted_units), 0) as bigint) as wasted_units,
            cast(coalesce(sum(wasted_value), 0) as double) as wasted_value,
            cast(coalesce(sum(marked_down_units), 0) as bigint) as marked_down_units,
            cast(coalesce(sum(marked_down_net), 0) as double) as marked_down_net,
            cast(coalesce(sum(markdown_cost), 0) as double) as markdown_cost
        from live.waste_daily
        where {_IN_PERIOD}
        group by business_date, category
        order by business_date, category
        """,
        store_ids=store_ids,
        since=since,
    )


def items(
    store_ids: list[str], since: date | None, by: Literal["wasted_value", "wasted_units"]
) -> pl.DataFrame:
    """Return what was thrown away by item, what weighs most first.

    Columns: item_id, subcategory, category, wasted_units, wasted_value, share: of all that was
    thrown away, added up from the first item on, 0 to 1.

    Args:
        store_ids: Stores.
        since: First business date; `None` begins with the first.
        by: What weighs.
    """
    return serving.query(
        f"""
        with wasted as (
            select
                plans.shelf_id as item_id,
                any_value(plans.subcategory) as subcategory,
                any_value(plans.category) as category,
                cast(sum(plans.removed_qty) as bigint) as wasted_units,
                cast(sum(plans.wasted_value) as double) as wasted_value
            from ops.removals as plans
            inner join ref.stores as stores on plans.store_id = stores.store_id
            where list_contains($store_ids::varchar[], plans.store_id)
                and plans.removed_qty > 0
                and ($since::date is null or cast(
                    plans.completed_ts at time zone stores.timezone as date
                ) >= $since::date)
            group by plans.shelf_id
        )

        select
            *,
            sum({by}) over (order by {by} desc, item_id rows unbounded preceding)
                / sum({by}) over () as share
        from wasted
        order by {by} desc, item_id
        """,
        store_ids=store_ids,
        since=since,
    )


def count(store_ids: list[str]) -> dict[str, int]:
    """Return how many rows there are, whatever the period: days, markdowns, removals."""
    return serving.query(
        """
        select
            (
                select count(*)
                from live.waste_daily
                where list_contains($store_ids::varchar[], store_id)
            ) as days,
            (
                select count(*)
                from ops.markdowns
                where list_contains($store_ids::varchar[], store_id)
            ) as markdowns,
            (
                select count(*)
                from ops.removals
                where list_contains($store_ids::varchar[], store_id)
            ) as removals
        """,
        store_ids=store_ids,
    ).row(0, named=True)


def markdowns(
    store_ids: list[str],
    since: date | None = None,
    *,
    statuses: list[str] | None = None,
    categories: list[str] | None = None,
    text: str = "",
) -> pl.DataFrame:
    """Return the markdowns that were in force in a period or will be, newest first.

    Args:
        store_ids: Stores.
        since: First day of the period; `None` for all.
        statuses: Statuses; none means all, as for the other filters.
        categories: Categories.
        text: Part of the shelf id, the subcategory or the lot.
    """
    return serving.query(
        f"""
        select
            plans.*,
            stores.store_name,
            stores.currency
        from ops.markdowns as plans
        inner join ref.stores as stores on plans.store_id = stores.store_id
        where {_FILTERS}
            and ($since::date is null
                or cast(plans.valid_to_ts at time zone stores.timezone as date) >= $since::date)
        order by plans.valid_from_ts desc, plans.plan_id
        """,
        store_ids=store_ids,
        since=since,
        statuses=statuses or [],
        categories=categories or [],
        text=text.strip(),
    )


def removals(
    store_ids: list[str],
    since: date | None = None,
    *,
    statuses: list[str] | None = None,
    categories: list[str] | None = None,
    text: str = "",
) -> pl.DataFrame:
    """Return the removals that are still to be done or were done in a period, newest first.

    Args:
        store_ids: Stores.
        since: First day of the period; `None` for all.
        statuses: Statuses; none means all, as for the other filters.
        categories: Categories.
        text: Part of the shelf id, the subcategory or the lot.
    """
    return serving.query(
        f"""
        select
            plans.*,
            stores.store_name,
            stores.currency
        from ops.removals as plans
        inner join ref.stores as stores on plans.store_id = stores.store_id
        where {_FILTERS}
            and ($since::date is null
                or plans.completed_ts is null
                or cast(plans.completed_ts at time zone stores.timezone as date) >= $since::date)
        order by plans.created_ts desc, plans.plan_id
        """,
        store_ids=store_ids,
        since=since,
        statuses=statuses or [],
        categories=categories or [],
        text=text.strip(),
    )


def categories(store_ids: list[str]) -> list[str]:
    """Return the categories of which something was marked down or had to be removed."""
    return (
        serving.query(
            """
            select category
            from ops.markdowns
            where list_contains($store_ids::varchar[], store_id)
            union
            select category
            from ops.removals
            where list_contains($store_ids::varchar[], store_id)
            order by category
            """,
            store_ids=store_ids,
        )
        .get_column("category")
        .to_list()
    )
