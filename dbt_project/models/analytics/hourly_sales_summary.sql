{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['hour_start', 'store_id', 'category'],
) }}

with cells as (
    select
        date_trunc('hour', transaction_time) as hour_start,
        store_id,
        category,
        any_value(currency) as currency,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where {{ in_touched("date_trunc('hour', transaction_time), store_id") }}
    group by 1, 2, 3
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from cells
