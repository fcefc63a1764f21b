"""What the waste page asks: what was thrown away, what was marked down, and what that cost."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from dashboard import serving

# What of the waste by day is meant; `$since` and `$until` are null where the period has no end.
_MEANT = """
    list_contains($store_ids::varchar[], store_id)
    and ($since::date is null or business_date >= $since::date)
    and ($until::date is null or business_date <= $until::date)
    and (len($categories::varchar[]) = 0 or list_contains($categories::varchar[], category))
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


@dataclass(frozen=True)
class Wanted:
    """Which waste to show.

    Attributes:
        store_ids: Stores.
        since: First business date; `None` begins with the first.
        until: Last business date; `None` goes on to the newest and to what is still to come.
        categories: Categories; none means all.
    """

    store_ids: tuple[str, ...]
    since: date | None = None
    until: date | None = None
    categories: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        """Return it as the queries name it."""
        return {
            "store_ids": list(self.store_ids),
            "since": self.since,
            "until": self.until,
            "categories": list(self.categories),
        }


def figures(wanted: Wanted) -> pl.DataFrame:
    """Return one row of sums over a period.

    Columns: wasted_units, wasted_value, marked_down_units, marked_down_net, markdown_cost.

    Args:
        wanted: Which.
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
        where {_MEANT}
        """,
        **wanted.parameters(),
    )


def daily(wanted: Wanted) -> pl.DataFrame:
    """Return the same sums by business_date and category, by date.

    Args:
        wanted: Which.
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
        where {_MEANT}
        group by business_date, category
        order by business_date, category
        """,
        **wanted.parameters(),
    )


def items(wanted: Wanted, by: Literal["wasted_value", "wasted_units"]) -> pl.DataFrame:
    """Return what was thrown away by item, what weighs most first.

    Columns: item_id, subcategory, category, wasted_units, wasted_value, share: of all that was
    thrown away, added up from the first item on, 0 to 1.

    Args:
        wanted: Which.
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
                and ($until::date is null or cast(
                    plans.completed_ts at time zone stores.timezone as date
                ) <= $until::date)
                and (len($categories::varchar[]) = 0
                    or list_contains($categories::varchar[], plans.category))
            group by plans.shelf_id
        )

        select
            *,
            sum({by}) over (order by {by} desc, item_id rows unbounded preceding)
                / sum({by}) over () as share
        from wasted
        order by {by} desc, item_id
        """,
        **wanted.parameters(),
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


def markdowns(wanted: Wanted, *, statuses: list[str] | None = None, text: str = "") -> pl.DataFrame:
    """Return the markdowns that were in force in a period or will be, newest first.

    Args:
        wanted: Which.
        statuses: Statuses; none means all.
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
            and ($until::date is null
                or cast(plans.valid_from_ts at time zone stores.timezone as date) <= $until::date)
        order by plans.valid_from_ts desc, plans.plan_id
        """,
        **wanted.parameters(),
        statuses=statuses or [],
        text=text.strip(),
    )


def removals(wanted: Wanted, *, statuses: list[str] | None = None, text: str = "") -> pl.DataFrame:
    """Return the removals that are still to be done or were done in a period, newest first.

    Those still to be done are left out of a period that has an end.

    Args:
        wanted: Which.
        statuses: Statuses; none means all.
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
            and ($until::date is null
                or cast(plans.completed_ts at time zone stores.timezone as date) <= $until::date)
        order by plans.created_ts desc, plans.plan_id
        """,
        **wanted.parameters(),
        statuses=statuses or [],
        text=text.strip(),
    )
