{{ config(materialized='table') }}

with shelves as (
    select
        store_id,
        category,
        count(*) as shelves,
        sum(case when is_low then 1 else 0 end) as low_shelves,
        sum(case when current_stock <= 0 then 1 else 0 end) as empty_shelves,
        max(last_event_ts) as last_shelf_event_ts
    from {{ ref('shelf_state') }}
    group by store_id, category
),

alerts as (
    select
        store_id,
        category,
        sum(case when location = 'shelf' and status = 'open' then 1 else 0 end) as open_shelf_alerts,
        sum(case when location = 'shelf' and status = 'ack' then 1 else 0 end) as acknowledged_shelf_alerts,
        sum(case location when 'shelf' then 1 else 0 end) as shelf_alerts,
        sum(case location when 'warehouse' then 1 else 0 end) as warehouse_alerts
    from {{ ref('alerts') }}
    where is_active
    group by store_id, category
),

tasks as (
    select
        commands.store_id,
        shelves.category,
        count(*) as open_tasks
    from {{ ref('commands') }} as commands
    inner join {{ ref('shelf_state') }} as shelves
        on commands.store_id = shelves.store_id and commands.shelf_id = shelves.shelf_id
    where commands.status in ('issued', 'in_transit')
    group by commands.store_id, shelves.category
)

select
    shelves.store_id,
    shelves.category,
    shelves.shelves,
    cast(shelves.low_shelves as bigint) as low_shelves,
    cast(shelves.empty_shelves as bigint) as empty_shelves,
    cast(coalesce(alerts.open_shelf_alerts, 0) as bigint) as open_shelf_alerts,
    cast(coalesce(alerts.acknowledged_shelf_alerts, 0) as bigint) as acknowledged_shelf_alerts,
    cast(coalesce(alerts.shelf_alerts, 0) as bigint) as shelf_alerts,
    cast(coalesce(alerts.warehouse_alerts, 0) as bigint) as warehouse_alerts,
    cast(coalesce(tasks.open_tasks, 0) as bigint) as open_tasks,
    shelves.last_shelf_event_ts
from shelves
left join alerts on shelves.store_id = alerts.store_id and shelves.category = alerts.category
left join tasks on shelves.store_id = tasks.store_id and shelves.category = tasks.category
