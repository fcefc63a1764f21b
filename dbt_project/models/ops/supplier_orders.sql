{{ config(materialized='table') }}

with checks as (
    select
        command_id,
        sum(damaged_qty) as damaged_qty,
        max(case when is_final then 1 else 0 end) = 1 as is_complete,
        max(checked_ts) as checked_ts
    from {{ ref('delivery_checks') }}
    group by command_id
),

orders as (
    select
        commands.*,
        coalesce(receipts.received_qty, 0) as received_qty,
        coalesce(checks.damaged_qty, 0) as damaged_qty,
        coalesce(checks.is_complete, false) as is_complete,
        checks.checked_ts
    from {{ ref('issued_commands') }} as commands
    left join {{ ref('order_receipts') }} as receipts on commands.command_id = receipts.order_id
    left join checks on commands.command_id = checks.command_id
    where commands.command_type = 'supplier_order'
)

select
    orders.command_id as order_id,
    orders.store_id,
    orders.item_id as shelf_id,
    items.category,
    items.subcategory,
    orders.batch_size,
    orders.cutoff_ts,
    orders.delivery_ts,
    cast(orders.qty as bigint) as ordered_qty,
    cast(orders.received_qty as bigint) as received_qty,
    cast(orders.damaged_qty as bigint) as damaged_qty,
    case when orders.is_complete then cast(orders.qty - orders.received_qty - orders.damaged_qty as bigint) end as missing_qty,
    -- Still to come; nothing, once staff have closed the delivery.
    case when orders.is_complete then cast(0 as bigint) else cast(greatest(orders.qty - orders.received_qty, 0) as bigint) end as open_qty,
    cast(orders.qty * items.list_price as decimal(18, 2)) as ordered_value,
    case
        when orders.is_complete then 'delivered'
        when {{ as_of() }} >= {{ add_minutes('orders.delivery_ts', var('delivery_grace_minutes')) }} then 'overdue'
        else 'issued'
    end as status,
    -- Closed too late, or still to come so late.
    coalesce(case when orders.is_complete then orders.checked_ts end, {{ as_of() }})
    >= {{ add_minutes('orders.delivery_ts', var('delivery_grace_minutes')) }} as is_late,
    orders.policy,
    orders.planned_by,
    orders.model_version,
    orders.forecast_method,
    orders.demand_mean,
    orders.critical_ratio,
    orders.level_quantile,
    orders.expected_outdated,
    orders.expected_order_outdated,
    orders.expected_lost,
    orders.issued_ts,
    orders.checked_ts as delivered_ts
from orders
inner join {{ ref('stg_items') }} as items on orders.item_id = items.item_id
