{{ config(materialized='table') }}

with lines as (
    {{ dated_lines() }}
        and sales.sgn = 1
)

select
    store_id,
    transaction_id,
    item_id,
    min(days_ago) as days_ago
from lines
where days_ago <= {{ var('basket_days') }}
group by store_id, transaction_id, item_id
