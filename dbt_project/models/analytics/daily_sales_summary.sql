{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'store_id', 'category'],
) }}

with cells as (
    select
        date_key,
        store_id,
        category,
        any_value(currency) as currency,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where {{ in_touched('date_key, store_id') }}
    group by date_key, store_id, category
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from cells
