{{ config(materialized='table') }}

{#- The newest events of the last hours: at the tills, of stock, at the gates. -#}

with events as (
    select
        event_id,
        event_type,
        event_ts,
        store_id,
        item_id,
        qty,
        net as amount
    from {{ ref('sales_lines') }}
    where event_ts >= {{ hours_ago(var('live_pane_hours')) }}
    union all
    select
        event_id,
        movement_type as event_type,
        event_ts,
        store_id,
        item_id,
        qty_signed as qty,
        cast(null as decimal(18, 2)) as amount
    from {{ ref('stock_movements') }}
    where event_ts >= {{ hours_ago(var('live_pane_hours')) }}
        and source_table <> 'sales_lines'
        and leg = 1
    union all
    select
        event_id,
        upper(direction) as event_type,
        event_ts,
        store_id,
        cast(null as {{ string_type() }}) as item_id,
        cast(null as integer) as qty,
        cast(null as decimal(18, 2)) as amount
    from {{ ref('foot_traffic') }}
    where event_ts >= {{ hours_ago(var('live_pane_hours')) }}
),

of_stores as (
    select
        *,
        row_number() over (partition by store_id order by event_ts desc, event_type, event_id) as place
    from events
),

-- Only what is among the newest of its store can be among the newest of all.
newest as (
    select *
    from of_stores
    where place <= {{ var('latest_events') }}
),

scoped as (
    select store_id as scope_id, newest.*
    from newest
    union all
    select 'ALL' as scope_id, newest.*
    from newest
),

numbered as (
    select
        *,
        row_number() over (partition by scope_id order by event_ts desc, event_type, event_id) as number
    from scoped
)

select
    scope_id,
    cast(number as integer) as number,
    event_ts,
    event_type,
    event_id,
    store_id,
    item_id,
    qty,
    amount
from numbered
where number <= {{ var('latest_events') }}
