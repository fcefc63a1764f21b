{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'store_id', 'currency'],
) }}

-- Money of two currencies is never added up: there is a total for each.
with cells as (
    select
        date_key,
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where {{ in_touched('date_key') }}
    group by grouping sets ((date_key, store_id, currency), (date_key, currency))
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from cells
