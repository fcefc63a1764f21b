"""What the audit page asks: what people did, and which of it has arrived."""

from datetime import date

import polars as pl

from dashboard import serving

# What is about all stores together is told with any store, to who may see all.
_CHOSEN = """
    (list_contains($store_ids::varchar[], actions.store_id)
        or actions.store_id = 'ALL' and len($store_ids::varchar[]) > 0)
"""

# By the clock of the store; all stores together have none.
_DAY = "cast(actions.event_ts at time zone coalesce(stores.timezone, 'UTC') as date)"


def actions(
    store_ids: list[str],
    *,
    actors: list[str] | None = None,
    kinds: list[str] | None = None,
    since: date | None = None,
    until: date | None = None,
    text: str = "",
) -> pl.DataFrame:
    """Return what people did, newest first.

    Args:
        store_ids: Stores.
        actors: Who did it; none means all, as for the other filters.
        kinds: What was done.
        since: First day, by the clock of the store; `None` begins with the first action.
        until: Last day; `None` ends with the newest.
        text: Part of the shelf id, the subcategory, the alert id, the lot, the series or the note.
    """
    return serving.query(
        f"""
        select
            actions.*,
            items.subcategory,
            coalesce(stores.store_name, 'All stores') as store_name
        from ops.operator_actions as actions
        left join ref.stores as stores on actions.store_id = stores.store_id
        left join ref.items as items on actions.shelf_id = items.item_id
        where {_CHOSEN}
            and (len($actors::varchar[]) = 0
                or list_contains($actors::varchar[], actions.actor))
            and (len($kinds::varchar[]) = 0
                or list_contains($kinds::varchar[], actions.action))
            and ($since::date is null or {_DAY} >= $since::date)
            and ($until::date is null or {_DAY} <= $until::date)
            and ($text = ''
                or contains(
                    lower(concat_ws(
                        ' ', actions.shelf_id, items.subcategory, actions.alert_id,
                        actions.batch_code, actions.scope_id, actions.note
                    )),
                    lower($text)
                ))
        order by actions.event_ts desc, actions.event_id
        """,
        store_ids=store_ids,
        actors=actors or [],
        kinds=kinds or [],
        since=since,
        until=until,
        text=text.strip(),
    )


def people_and_kinds(store_ids: list[str]) -> pl.DataFrame:
    """Return who has done what: one row per actor and action, with how often."""
    return serving.query(
        f"""
        select actor, action, count(*) as times
        from ops.operator_actions as actions
        where {_CHOSEN}
        group by actor, action
        order by actor, action
        """,
        store_ids=store_ids,
    )


def arrived(event_ids: list[str]) -> list[str]:
    """Return those of some events that have come through the pipeline."""
    return (
        serving.query(
            """
            select event_id
            from ops.operator_actions
            where list_contains($event_ids::varchar[], event_id)
            """,
            event_ids=event_ids,
        )
        .get_column("event_id")
        .to_list()
    )
