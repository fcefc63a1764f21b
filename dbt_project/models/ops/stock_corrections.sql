{{ config(materialized='table') }}

-- What people counted, and by how much it differed from what they were shown.
select
    event_id,
    store_id,
    item_id as shelf_id,
    location,
    batch_code,
    cast(qty as bigint) as counted_qty,
    cast(book_qty as bigint) as book_qty,
    cast(qty - book_qty as bigint) as correction_qty,
    actor,
    note,
    event_ts
from {{ ref('operator_reports') }}
where event_type = 'stock_counted'
