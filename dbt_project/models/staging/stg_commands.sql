-- A repeated id is the same command sent again: the first one counts.
select
    event_id as command_id,
    event_type as command_type,
    store_id,
    shelf_id as item_id,
    event_ts as issued_ts,
    quantity as qty,
    alert_id,
    priority,
    expires_ts
from {{ source('raw', 'commands') }}
qualify {{ first_of_event() }}
