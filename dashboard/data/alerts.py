"""What the alerts page and the alert lists ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from dashboard import serving

ACTIVE = ("open", "ack")

# What will be ordered of an item at the next cutoff; files from before orders have none.
_PLANNED = """
    select plan.store_id, plan.shelf_id, plan.order_qty
    from ops.supplier_plan as plan
    inner join ops.supplier_cutoffs as cutoffs
        on plan.store_id = cutoffs.store_id and plan.cutoff_ts = cutoffs.cutoff_ts
    where cutoffs.status = 'next'
"""
_NOTHING_PLANNED = "select '' as store_id, '' as shelf_id, 0 as order_qty where false"


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to show; what is left empty does not restrict them.

    Attributes:
        severities: CRITICAL, HIGH, MEDIUM.
        types: Alert types.
        statuses: Statuses.
        locations: Locations.
        categories: Categories.
        since: Opened on this day of the store or after it; or still active, where there is no
            last day.
        until: Opened on this day of the store or before it.
        text: Part of the shelf id, the subcategory or the alert id.
    """

    severities: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    text: str = ""


def alerts(store_ids: list[str], wanted: AlertFilter) -> pl.DataFrame:
    """Return alerts, active ones first, of these the most severe, then the newest.

    order_qty is what is planned for the next cutoff, null where nothing is.

    Args:
        store_ids: Stores.
        wanted: Which.
    """
    has_orders = serving.has_table("ops", "supplier_plan")
    return serving.query(
        f"""
        with planned as ({_PLANNED if has_orders else _NOTHING_PLANNED}),

        spans as (
            select
                store_id,
                timezone(timezone, $since::date::timestamp) as since_ts,
                timezone(timezone, $until::date::timestamp + interval 1 day) as until_ts
            from ref.stores
        )

        select
            alerts.*,
            items.subcategory,
            stores.store_name,
            planned.order_qty
        from ops.alerts as alerts
        inner join ref.items as items on alerts.shelf_id = items.item_id
        inner join ref.stores as stores on alerts.store_id = stores.store_id
        inner join spans on alerts.store_id = spans.store_id
        left join planned
            on alerts.store_id = planned.store_id and alerts.shelf_id = planned.shelf_id
        where list_contains($store_ids::varchar[], alerts.store_id)
            and (len($severities::varchar[]) = 0
                or list_contains($severities::varchar[], alerts.severity))
            and (len($types::varchar[]) = 0
                or list_contains($types::varchar[], alerts.alert_type))
            and (len($statuses::varchar[]) = 0
                or list_contains($statuses::varchar[], alerts.status))
            and (len($locations::varchar[]) = 0
                or list_contains($locations::varchar[], alerts.location))
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], alerts.category))
            and ($since::date is null
                or alerts.opened_ts >= spans.since_ts
                or (alerts.is_active and $until::date is null))
            and ($until::date is null or alerts.opened_ts < spans.until_ts)
            and ($text = ''
                or contains(lower(alerts.shelf_id), lower($text))
                or contains(lower(items.subcategory), lower($text))
                or contains(lower(alerts.alert_id), lower($text)))
        order by
            alerts.is_active desc,
            list_position(['CRITICAL', 'HIGH', 'MEDIUM'], alerts.severity),
            alerts.opened_ts desc,
            alerts.alert_id
        """,
        store_ids=store_ids,
        severities=list(wanted.severities),
        types=list(wanted.types),
        statuses=list(wanted.statuses),
        locations=list(wanted.locations),
        categories=list(wanted.categories),
        since=wanted.since,
        until=wanted.until,
        text=wanted.text.strip(),
    )


def of_item(store_id: str, item_id: str) -> pl.DataFrame:
    """Return the alerts of an item of a store, as `alerts` does."""
    return alerts([store_id], AlertFilter(text=item_id)).filter(pl.col("shelf_id") == item_id)


_OF_CATEGORIES = """
    (len($categories::varchar[]) = 0 or list_contains($categories::varchar[], category))
"""


def count(store_ids: list[str]) -> int:
    """Return how many alerts there are in stores, whatever their status."""
    return int(
        serving.query(
            """
            select count(*) as alerts
            from ops.alerts
            where list_contains($store_ids::varchar[], store_id)
            """,
            store_ids=store_ids,
        ).item()
    )


def figures(store_ids: list[str], categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return one row: how many alerts are active, and what became of others today.

    Columns: open, acknowledged, critical, high, medium, opened_today, resolved_today. A store's
    day is that of its time zone.

    Args:
        store_ids: Stores.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        with counted as (
            select
                alerts.*,
                cast(alerts.opened_ts at time zone status.timezone as date)
                    = status.business_date as is_opened_today,
                cast(alerts.updated_ts at time zone status.timezone as date)
                    = status.business_date as is_updated_today
            from ops.alerts as alerts
            inner join live.store_status as status on alerts.store_id = status.store_id
            where list_contains($store_ids::varchar[], alerts.store_id) and {_OF_CATEGORIES}
        )

        select
            count(*) filter (status = 'open') as open,
            count(*) filter (status = 'ack') as acknowledged,
            count(*) filter (severity = 'CRITICAL') as critical,
            count(*) filter (severity = 'HIGH') as high,
            count(*) filter (severity = 'MEDIUM') as medium,
            count(*) filter (is_opened_today) as opened_today,
            count(*) filter (status = 'resolved' and is_updated_today) as resolved_today
        from counted
        """,
        store_ids=store_ids,
        categories=list(categories),
    )


def active_by_type(store_ids: list[str], categories: Sequence[str] = ()) -> pl.DataFrame:
    """Return how many alerts of each type are active: alert_type, alerts; the most first.

    Args:
        store_ids: Stores.
        categories: Categories; none means all.
    """
    return serving.query(
        f"""
        select alert_type, count(*) as alerts
        from ops.alerts
        where is_active and list_contains($store_ids::varchar[], store_id) and {_OF_CATEGORIES}
        group by alert_type
        order by alerts desc, alert_type
        """,
        store_ids=store_ids,
        categories=list(categories),
    )


_HANDLED = """
    select handling.*
    from analytics.alert_handling as handling
    where list_contains($store_ids::varchar[], handling.store_id)
        and (len($types::varchar[]) = 0
            or list_contains($types::varchar[], handling.alert_type))
        and ($since::date is null or handling.date_key >= $since::date)
        and ($until::date is null or handling.date_key <= $until::date)
"""
_TIMES = """
    sum(minutes_to_acknowledge) / nullif(sum(acknowledged), 0) as mtta_minutes,
    sum(minutes_to_resolve) / nullif(sum(resolved), 0) as mttr_minutes
"""


def handling(
    store_ids: list[str], types: list[str], since: date | None, until: date | None = None
) -> pl.DataFrame:
    """Return what became of alerts by business day, oldest first.

    Columns: date_key, opened, acknowledged, resolved, dismissed, backlog, mtta_minutes,
    mttr_minutes; the last two are null on days without any.

    Args:
        store_ids: Stores.
        types: Types; none means all.
        since: First day; `None` begins with the first alert.
        until: Last day; `None` ends with the newest.
    """
    return serving.query(
        f"""
        with handled as ({_HANDLED})

        select
            date_key,
            cast(sum(opened) as bigint) as opened,
            cast(sum(acknowledged) as bigint) as acknowledged,
            cast(sum(resolved) as bigint) as resolved,
            cast(sum(dismissed) as bigint) as dismissed,
            cast(sum(backlog) as bigint) as backlog,
            {_TIMES}
        from handled
        group by date_key
        order by date_key
        """,
        store_ids=store_ids,
        types=types,
        since=since,
        until=until,
    )


def handling_by_type(
    store_ids: list[str], types: list[str], since: date | None, until: date | None = None
) -> pl.DataFrame:
    """Return what became of alerts of each type and place in a period, as `handling` does."""
    return serving.query(
        f"""
        with handled as ({_HANDLED})

        select
            alert_type,
            location,
            cast(sum(opened) as bigint) as opened,
            cast(sum(acknowledged) as bigint) as acknowledged,
            cast(sum(resolved) as bigint) as resolved,
            cast(sum(dismissed) as bigint) as dismissed,
            {_TIMES}
        from handled
        group by alert_type, location
        order by alert_type, location
        """,
        store_ids=store_ids,
        types=types,
        since=since,
        until=until,
    )


def transitions(alert_id: str) -> pl.DataFrame:
    """Return the audit trail of an alert, oldest first."""
    return serving.query(
        """
        select transition_no, transition_ts, from_status, to_status, actor, note
        from ops.alert_transitions
        where alert_id = $alert_id
        order by transition_no
        """,
        alert_id=alert_id,
    )


def tasks(alert_id: str) -> pl.DataFrame:
    """Return the commands that an alert led to, newest first."""
    return serving.query(
        """
        select
            command_id, command_type, status, qty, picked_qty, placed_qty, returned_qty,
            issued_ts, updated_ts
        from ops.commands
        where alert_id = $alert_id
        order by issued_ts desc
        """,
        alert_id=alert_id,
    )


def statuses(alert_ids: list[str]) -> dict[str, str]:
    """Return the status of some alerts; those unknown are left out."""
    rows = serving.query(
        """
        select alert_id, status
        from ops.alerts
        where list_contains($alert_ids::varchar[], alert_id)
        """,
        alert_ids=alert_ids,
    ).rows()
    return dict(rows)
