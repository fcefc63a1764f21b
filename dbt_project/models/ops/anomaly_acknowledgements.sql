{{ config(materialized='table') }}

-- Which unusual hours and days of sales somebody has looked at; who was the first counts.
with acknowledged as (
    select
        *,
        row_number() over (
            partition by scope_type, scope_id, currency, grain, bucket_start, direction
            order by event_ts, event_id
        ) as place
    from {{ ref('operator_reports') }}
    where event_type = 'anomaly_acknowledged'
)

select
    scope_type,
    scope_id,
    currency,
    grain,
    bucket_start,
    direction,
    store_id,
    event_id,
    actor,
    note,
    event_ts as acknowledged_ts
from acknowledged
where place = 1
