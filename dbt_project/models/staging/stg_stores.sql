{{ config(materialized='table') }}

select
    store_id,
    store_name,
    city,
    country,
    timezone,
    currency,
    stock_tracking,
    opened_ts,
    region,
    store_type,
    square_footage,
    opens_at,
    closes_at
from {{ source('ref', 'stores') }}
