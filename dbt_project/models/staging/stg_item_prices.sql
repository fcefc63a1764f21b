{{ config(materialized='table') }}

select
    item_id,
    valid_from_ts,
    list_price,
    unit_cost
from {{ source('ref', 'item_prices') }}
