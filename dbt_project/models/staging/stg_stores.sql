{{ config(materialized='table') }}

select
    store_id,
    store_name,
    city,
    country,
    timezone,
    currency,
    stock_tracking,
    opened_ts
from {{ source('ref', 'stores') }}
