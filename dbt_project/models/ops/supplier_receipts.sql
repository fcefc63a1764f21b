{{ config(materialized='table') }}

-- One receipt per order that something came for.
with checks as (
    select
        command_id,
        sum(damaged_qty) as damaged_qty,
        max(checked_ts) as checked_ts
    from {{ ref('delivery_checks') }}
    group by command_id
)

select
    {{ uuid5("concat('supplier_receipt:', orders.order_id)") }} as receipt_id,
    orders.order_id,
    orders.store_id,
    orders.shelf_id,
    cast({{ to_local('checks.checked_ts', 'stores.timezone') }} as date) as delivery_date,
    orders.received_qty,
    cast(checks.damaged_qty as bigint) as damaged_qty,
    cast(coalesce(receipts.lots, 0) as bigint) as lots,
    cast(({{ epoch_us('checks.checked_ts') }} - {{ epoch_us('orders.delivery_ts') }}) / 60000000 as bigint) as delay_minutes,
    checks.checked_ts
from {{ ref('supplier_orders') }} as orders
inner join checks on orders.order_id = checks.command_id
inner join {{ ref('stg_stores') }} as stores on orders.store_id = stores.store_id
left join {{ ref('order_receipts') }} as receipts on orders.order_id = receipts.order_id
