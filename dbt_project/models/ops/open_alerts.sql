{{ config(materialized='table') }}

{#- The alerts that are open or acknowledged: what decisions need of them. -#}

with transitions as (
    {{ alert_lives(standing_only=true) }}
),

latest as (
    select
        *,
        row_number() over (partition by alert_id order by transition_no desc) as from_last
    from transitions
)

select alert_id, alert_type, store_id, shelf_id, location, to_status as status
from latest
where from_last = 1
    and to_status in ('open', 'ack')
