{{ config(materialized='table') }}

select
    {{ surrogate_key("store_id") }} as store_key,
    store_id,
    store_name,
    city,
    region,
    country,
    store_type,
    cast(square_footage as double) as square_footage,
    coalesce(opens_at, '00:00') as opens_at,
    coalesce(closes_at, '24:00') as closes_at,
    timezone,
    currency,
    opened_ts as valid_from,
    cast(null as timestamp with time zone) as valid_to,
    true as is_current
from {{ ref('stg_stores') }}
