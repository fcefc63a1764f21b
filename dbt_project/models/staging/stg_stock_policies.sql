{{ config(materialized='table') }}

select
    policy_id,
    location,
    store_id,
    category,
    item_id,
    low_frac,
    low_qty,
    clear_frac,
    target_frac,
    cooldown_minutes,
    valid_from_ts,
    lead(valid_from_ts) over (partition by policy_id order by valid_from_ts) as valid_to_ts
from {{ source('ref', 'stock_policies') }}
