{{ config(materialized='table') }}

select
    period,
    currency,
    store_id,
    {% for name in sales_measure_names() -%}
    {{ name }},
    {% endfor -%}
    {{ sales_ratios() }},
    {{ share_pct('sales_revenue', 'partition by period, currency') }} as revenue_share_pct,
    growth_prev_period_pct
from {{ ref('sales_by_period') }}
where scope = 'store'
