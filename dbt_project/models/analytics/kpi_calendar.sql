{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['period_type', 'period_start', 'store_id', 'currency'],
) }}

{#- Weeks and months of the calendar, told from the lines: what is distinct does not add up over days. -#}
with cells as (
    {% for span in ['week', 'month'] -%}
    select
        '{{ span }}' as period_type,
        cast(date_trunc('{{ span }}', date_key) as date) as period_start,
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where {{ in_touched("date_trunc('" ~ span ~ "', date_key)") }}
    group by grouping sets ((date_trunc('{{ span }}', date_key), store_id, currency), (date_trunc('{{ span }}', date_key), currency))
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from cells
