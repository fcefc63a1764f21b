{{ config(materialized='table') }}

with items as (
    select
        period,
        currency,
        category,
        sub_category,
        cast(count(*) filter (where sale_lines > 0) as bigint) as items_active
    from {{ ref('product_performance') }}
    group by period, currency, category, sub_category
)

select
    sales.period,
    sales.currency,
    sales.category,
    sales.sub_category,
    {% for name in sales_measure_names() -%}
    sales.{{ name }},
    {% endfor -%}
    {{ sales_ratios('sales.') }},
    sales.stores_selling,
    items.items_active,
    {{ share_pct('sales.sales_revenue', 'partition by sales.period, sales.currency') }} as revenue_share_pct,
    sales.growth_prev_period_pct
from {{ ref('sales_by_period') }} as sales
inner join items
    on sales.period = items.period
    and sales.currency = items.currency
    and sales.category = items.category
    and sales.sub_category = items.sub_category
where sales.scope = 'sub_category'
