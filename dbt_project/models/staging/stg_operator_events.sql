-- A repeated id is the same action sent again: the first one counts.
select
    event_id,
    event_type,
    store_id,
    event_ts,
    alert_id,
    alert_type,
    location,
    shelf_id as item_id,
    actor,
    note
from {{ source('raw', 'operator_events') }}
qualify {{ first_of_event() }}
