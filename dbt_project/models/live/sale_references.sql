{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Told once, when a week begins: from the receipts that had come by then, so that a late one does
    not change what was said. Weeks that no alert looks back to are not told at all. -#}

with receipts as (
    select
        local_days.store_id,
        local_days.arrival_no,
        {{ week_start('local_days.local_date') }} as week_start,
        {{ week_start('local_days.first_date') }} as first_week_start
    from (
        select
            arrivals.store_id,
            arrivals.arrival_no,
            cast({{ to_local('arrivals.event_ts', 'stores.timezone') }} as date) as local_date,
            cast({{ to_local(hours_ago(var('sale_alert_hours')), 'stores.timezone') }} as date) as first_date
        from {{ ref('receipt_arrivals') }} as arrivals
        inner join {{ ref('stg_stores') }} as stores on arrivals.store_id = stores.store_id
        where arrivals.event_ts >= {{ hours_ago(var('sale_alert_hours') + 8 * 24) }}
    ) as local_days
),

weeks as (
    select
        store_id,
        week_start,
        min(min(arrival_no)) over (
            partition by store_id order by week_start desc
            rows between unbounded preceding and current row
        ) as first_arrival_no
    from receipts
    where week_start >= first_week_start
    group by store_id, week_start
),

new_weeks as (
    select *
    from weeks
    {% if is_incremental() -%}
    where not exists (
        select 1
        from {{ this }} as known
        where known.store_id = weeks.store_id and known.week_start = weeks.week_start
    )
    {%- endif %}
),

lines as (
    select
        new_weeks.week_start,
        lines.store_id,
        lines.item_id,
        cast(lines.net as double) as net,
        case
            when lines.business_date >= {{ add_days('new_weeks.week_start', -30) }} then cast(lines.unit_price as double)
        end as recent_price
    from {{ ref('sales_lines') }} as lines
    inner join {{ ref('receipt_arrivals') }} as arrivals on lines.receipt_event_id = arrivals.event_id
    inner join new_weeks
        on lines.store_id = new_weeks.store_id
        and arrivals.arrival_no < new_weeks.first_arrival_no
        and lines.business_date >= {{ add_days('new_weeks.week_start', -90) }}
        and lines.business_date < new_weeks.week_start
    where lines.event_type = 'SALE'
        and lines.is_merchandise
        and lines.event_ts >= {{ hours_ago(var('sale_alert_hours') + 100 * 24) }}
        and arrivals.event_ts >= {{ hours_ago(var('sale_alert_hours') + 100 * 24) }}
)

select
    store_id,
    item_id,
    week_start,
    cast(count(*) as bigint) as sale_lines,
    {{ quantile('net', var('high_value_quantile')) }} as high_net,
    {{ quantile('recent_price', 0.5) }} as median_price
from lines
group by store_id, item_id, week_start
