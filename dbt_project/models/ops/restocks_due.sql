{{ config(materialized='table') }}

{#- What is to be carried to which shelf and not asked for yet. A shelf has one open task at most,
    and gets only what the warehouse has. A command past its grace is never open: the older ones
    need not be looked at. -#}

with recent as (
    {{ command_states("commands.command_type = 'restock' and " ~ add_minutes('commands.expires_ts', var('report_grace_minutes')) ~ " > " ~ as_of()) }}
),

open_tasks as (
    select
        store_id,
        shelf_id,
        count(*) as tasks
    from recent
    where status in ('issued', 'in_transit')
    group by store_id, shelf_id
),

issued_so_far as (
    select
        store_id,
        item_id,
        count(*) as commands
    from {{ ref('issued_commands') }}
    where command_type = 'restock'
    group by store_id, item_id
),

needs as (
    select
        shelves.store_id,
        shelves.shelf_id,
        shelves.fill_rate,
        -- Nothing is on its way: a shelf with an open task is left out below.
        least(shelves.target_qty - shelves.current_stock, warehouses.sellable_stock) as suggested_qty,
        coalesce(issued_so_far.commands, 0) + 1 as command_no,
        alerts.alert_id
    from {{ ref('shelf_state') }} as shelves
    inner join {{ ref('warehouse_state') }} as warehouses
        on shelves.store_id = warehouses.store_id and shelves.shelf_id = warehouses.shelf_id
    inner join {{ ref('open_alerts') }} as alerts
        on shelves.store_id = alerts.store_id
        and shelves.shelf_id = alerts.shelf_id
        and alerts.alert_type = 'refill_request'
    left join open_tasks
        on shelves.store_id = open_tasks.store_id and shelves.shelf_id = open_tasks.shelf_id
    left join issued_so_far
        on shelves.store_id = issued_so_far.store_id and shelves.shelf_id = issued_so_far.item_id
    where open_tasks.tasks is null
)

select
    {{ uuid5("concat('restock:', store_id, ':', shelf_id, ':', cast(command_no as " ~ string_type() ~ "))") }} as plan_id,
    store_id,
    shelf_id,
    cast(suggested_qty as integer) as suggested_qty,
    -- A shelf may read below zero when its sensor missed an arrival.
    cast(round(least(greatest(1 - fill_rate, 0), 1), 4) as decimal(9, 6)) as priority,
    alert_id,
    {{ as_of() }} as created_ts,
    {{ add_minutes(as_of(), var('restock_expiry_minutes')) }} as expires_ts
from needs
where suggested_qty > 0
