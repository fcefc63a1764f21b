{{ config(materialized='table') }}

-- What became of alerts, by the business day on which it did; every day since the first alert.
with acknowledgements as (
    select alert_id, min(transition_ts) as acknowledged_ts
    from {{ ref('alert_transitions') }}
    where to_status = 'ack'
    group by alert_id
),

lives as (
    select
        alerts.store_id,
        alerts.alert_type,
        alerts.location,
        stores.timezone,
        alerts.opened_ts,
        acknowledgements.acknowledged_ts,
        case alerts.status when 'resolved' then alerts.updated_ts end as resolved_ts,
        case alerts.status when 'dismissed' then alerts.updated_ts end as dismissed_ts
    from {{ ref('alerts') }} as alerts
    inner join {{ ref('dim_store') }} as stores on alerts.store_id = stores.store_id
    left join acknowledgements on alerts.alert_id = acknowledgements.alert_id
),

steps as (
    {% for step in ('opened', 'acknowledged', 'resolved', 'dismissed') -%}
    select
        store_id,
        alert_type,
        location,
        timezone,
        '{{ step }}' as step,
        cast({{ to_local(step ~ '_ts', 'timezone') }} as date) as date_key,
        (epoch({{ step }}_ts) - epoch(opened_ts)) / 60 as minutes
    from lives
    where {{ step }}_ts is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select
        store_id,
        alert_type,
        location,
        date_key,
        {% for step in ('opened', 'acknowledged', 'resolved', 'dismissed') -%}
        count(*) filter (where step = '{{ step }}') as {{ step }},
        {% endfor -%}
        coalesce(sum(minutes) filter (where step = 'acknowledged'), 0) as minutes_to_acknowledge,
        coalesce(sum(minutes) filter (where step = 'resolved'), 0) as minutes_to_resolve
    from steps
    group by store_id, alert_type, location, date_key
),

spans as (
    select
        store_id,
        alert_type,
        location,
        min(timezone) as timezone,
        min(date_key) as first_date
    from steps
    group by store_id, alert_type, location
),

listed as (
    select
        store_id,
        alert_type,
        location,
        timezone,
        cast(unnest({{ dates_between('first_date', open_date('timezone')) }}) as date) as date_key
    from spans
)

select
    listed.date_key,
    listed.store_id,
    listed.alert_type,
    listed.location,
    coalesce(counted.opened, 0) as opened,
    coalesce(counted.acknowledged, 0) as acknowledged,
    coalesce(counted.resolved, 0) as resolved,
    coalesce(counted.dismissed, 0) as dismissed,
    cast(sum(coalesce(counted.opened - counted.resolved - counted.dismissed, 0)) over (
        partition by listed.store_id, listed.alert_type, listed.location order by listed.date_key
    ) as bigint) as backlog,
    cast(coalesce(counted.minutes_to_acknowledge, 0) as double) as minutes_to_acknowledge,
    cast(coalesce(counted.minutes_to_resolve, 0) as double) as minutes_to_resolve,
    {{ ratio('counted.minutes_to_acknowledge', 'counted.acknowledged') }} as mtta_minutes,
    {{ ratio('counted.minutes_to_resolve', 'counted.resolved') }} as mttr_minutes,
    listed.date_key < {{ open_date('listed.timezone') }} as is_complete
from listed
left join counted
    on listed.store_id = counted.store_id
    and listed.alert_type = counted.alert_type
    and listed.location = counted.location
    and listed.date_key = counted.date_key
