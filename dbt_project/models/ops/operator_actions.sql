{{ config(materialized='table') }}

-- Who did what: the audit trail.
select
    event_id,
    store_id,
    event_ts,
    actor,
    event_type as action,
    item_id as shelf_id,
    location,
    alert_id,
    cutoff_ts,
    batch_code,
    scope_type,
    scope_id,
    currency,
    grain,
    bucket_start,
    direction,
    cast(qty as bigint) as quantity,
    note
from {{ ref('operator_reports') }}
