{{ config(materialized='table') }}

with lives as (
    select
        alert_id,
        min(alert_type) as alert_type,
        min(store_id) as store_id,
        min(shelf_id) as shelf_id,
        min(location) as location,
        min(transition_ts) as opened_ts,
        max(transition_ts) as updated_ts,
        max(transition_no) as transitions,
        sum(case to_status when 'open' then 1 else 0 end) as episodes
    from {{ ref('alert_transitions') }}
    group by alert_id
),

latest as (
    select
        lives.*,
        last_step.to_status as status,
        last_step.actor as last_actor,
        last_step.note as last_note
    from lives
    inner join {{ ref('alert_transitions') }} as last_step
        on lives.alert_id = last_step.alert_id and lives.transitions = last_step.transition_no
)

select
    latest.alert_id,
    latest.alert_type,
    latest.store_id,
    latest.shelf_id,
    latest.location,
    shelves.category,
    latest.status,
    latest.status in ('open', 'ack') as is_active,
    case
        when latest.status not in ('open', 'ack') then null
        when latest.alert_type = 'near_expiry' then 'MEDIUM'
        when case latest.location when 'shelf' then shelves.current_stock else warehouses.current_stock end <= 0 then 'CRITICAL'
        else 'HIGH'
    end as severity,
    latest.opened_ts,
    latest.updated_ts,
    cast(latest.episodes as integer) as episodes,
    latest.last_actor,
    latest.last_note,
    case latest.location when 'shelf' then shelves.current_stock else warehouses.current_stock end as current_stock,
    case latest.location when 'shelf' then shelves.shelf_capacity else warehouses.warehouse_capacity end as max_stock,
    case latest.location when 'shelf' then shelves.low_below_qty else warehouses.reorder_point end as low_below_qty,
    case
        when latest.alert_type = 'refill_request' then greatest(shelves.target_qty - shelves.current_stock, 0)
        else 0
    end as suggested_qty
from latest
inner join {{ ref('shelf_state') }} as shelves
    on latest.store_id = shelves.store_id and latest.shelf_id = shelves.shelf_id
inner join {{ ref('warehouse_state') }} as warehouses
    on latest.store_id = warehouses.store_id and latest.shelf_id = warehouses.shelf_id
