{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['hour_start', 'store_id', 'currency'],
) }}

with cells as (
    select
        date_trunc('hour', transaction_time) as hour_start,
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where {{ in_touched("date_trunc('hour', transaction_time)") }}
    group by grouping sets ((date_trunc('hour', transaction_time), store_id, currency), (date_trunc('hour', transaction_time), currency))
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from cells
