{{ config(materialized='table') }}

{#- The last hour that events reach, in figures. -#}
with reach as (
    {{ events_reach() }}
)

select
    {{ as_of() }} as as_of_ts,
    count(lines.event_id) as total_records,
    count(distinct lines.store_id) as store_count,
    count(distinct lines.item_id) as product_count,
    count(distinct lines.customer_id) as customer_count,
    cast(avg(lines.qty) as double) as avg_quantity,
    cast(avg(lines.unit_price) as double) as avg_unit_price,
    -- Money of two currencies is never added up.
    cast(
        case
            when count(distinct lines.currency) = 1
                then sum(case lines.event_type when 'SALE' then lines.net else -lines.net end)
        end as decimal(18, 2)
    ) as total_revenue,
    min(lines.event_ts) as earliest_record,
    max(lines.event_ts) as latest_record,
    cast(
        epoch({{ as_of() }}) - epoch((select max(event_ts) from {{ ref('sales_lines') }})) as double
    ) as data_freshness_seconds
from reach
left join {{ ref('sales_lines') }} as lines
    on lines.event_ts > reach.until_ts - interval 1 hour
    and lines.event_ts <= reach.until_ts
