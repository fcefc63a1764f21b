{{ config(materialized='table') }}

{%- set among = 'period, currency' %}

with cells as (
    select
        periods.period,
        periods.currency,
        lines.item_id,
        {{ sales_measures() }},
        min(lines.transaction_time) filter (where lines.sgn = 1) as first_sale_ts,
        max(lines.transaction_time) filter (where lines.sgn = 1) as last_sale_ts,
        cast(count(distinct lines.store_id) filter (where lines.sgn = 1) as bigint) as stores_selling
    from {{ ref('closed_sales') }} as lines
    inner join {{ ref('analysis_periods') }} as periods
        on lines.store_id = periods.store_id
        and lines.date_key between periods.first_date and periods.last_date
    where lines.is_merchandise
    group by periods.period, periods.currency, lines.item_id
),

compared as (
    select
        cells.*,
        goods.product_name,
        goods.category,
        goods.sub_category,
        {{ percentile('cells.sales_revenue', 'cells.period, cells.currency') }} as revenue_percentile,
        {{ percentile('cells.units_sold', 'cells.period, cells.currency') }} as units_percentile,
        -- What sells alike is taken in the order of the items, so that a share has one item.
        sum(cells.sales_revenue) over (
            partition by cells.period, cells.currency order by cells.sales_revenue desc, cells.item_id
            rows between unbounded preceding and current row
        ) as cum_revenue,
        sum(cells.sales_revenue) over (partition by cells.period, cells.currency) as total_revenue,
        totals.customers as active_customers
    from cells
    inner join {{ ref('dim_product') }} as goods on cells.item_id = goods.item_id and goods.is_current
    inner join {{ ref('sales_by_period') }} as totals
        on cells.period = totals.period and cells.currency = totals.currency and totals.scope = 'all'
)

select
    period,
    currency,
    item_id,
    product_name,
    category,
    sub_category,
    {% for name in sales_measure_names() -%}
    {{ name }},
    {% endfor -%}
    {{ sales_ratios() }},
    first_sale_ts,
    last_sale_ts,
    stores_selling,
    100 * {{ ratio('customers', 'active_customers') }} as customer_penetration_pct,
    dense_rank() over (partition by {{ among }} order by sales_revenue desc) as revenue_rank,
    dense_rank() over (partition by {{ among }} order by units_sold desc) as units_rank,
    dense_rank() over (partition by {{ among }} order by gross_profit desc) as profit_rank,
    100 * revenue_percentile as revenue_pctile,
    100 * units_percentile as units_pctile,
    100 * (revenue_percentile + units_percentile) / 2 as performance_score,
    100 * {{ ratio('sales_revenue', 'total_revenue') }} as revenue_share_pct,
    100 * {{ ratio('cum_revenue', 'total_revenue') }} as cum_share_pct,
    case
        when sale_lines = 0 then null
        {{ abc_class('cum_revenue - sales_revenue', 'total_revenue') }}
    end as abc_class
from compared
