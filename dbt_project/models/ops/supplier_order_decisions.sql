{{ config(materialized='table') }}

-- What people decided about a planned order; the last word before its cutoff counts.
with decisions as (
    select
        *,
        row_number() over (
            partition by store_id, item_id, cutoff_ts order by event_ts desc, event_id desc
        ) as age
    from {{ ref('operator_reports') }}
    where event_type in ('supplier_order_held', 'supplier_order_approved', 'supplier_order_changed')
        and event_ts < cutoff_ts
)

select
    store_id,
    item_id as shelf_id,
    cutoff_ts,
    case event_type
        when 'supplier_order_held' then 'held'
        when 'supplier_order_approved' then 'approved'
        else 'changed'
    end as decision,
    case when event_type = 'supplier_order_changed' then cast(qty as bigint) end as order_qty,
    actor,
    note,
    event_ts as decided_ts
from decisions
where age = 1
