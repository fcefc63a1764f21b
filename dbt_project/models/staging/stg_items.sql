{{ config(materialized='table') }}

select
    item_id,
    category,
    subcategory,
    aisle,
    unit_weight_g,
    list_price,
    batch_size,
    is_perishable
from {{ source('ref', 'items') }}
