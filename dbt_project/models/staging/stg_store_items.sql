{{ config(materialized='table') }}

select
    store_id,
    item_id,
    shelf_capacity,
    warehouse_capacity
from {{ source('ref', 'store_items') }}
