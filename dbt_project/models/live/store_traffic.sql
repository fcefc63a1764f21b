{{ config(materialized='table') }}

with panes as (
    select
        store_id,
        date_trunc('hour', event_ts) as hour_start,
        cast(floor(extract(minute from event_ts) / 5) as integer) as pane_no,
        sum(case direction when 'entry' then 1 else 0 end) as entries,
        sum(case direction when 'exit' then 1 else 0 end) as exits
    from {{ ref('foot_traffic') }}
    group by 1, 2, 3
)

select
    store_id,
    {{ add_minutes('hour_start', 'cast(pane_no * 5 as integer)') }} as pane_start_ts,
    cast(entries as bigint) as entries,
    cast(exits as bigint) as exits,
    cast(
        sum(entries - exits) over (
            partition by store_id order by hour_start, pane_no
            rows between unbounded preceding and current row
        ) as bigint
    ) as people_in_store
from panes
