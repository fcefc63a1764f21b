{{ config(materialized='table') }}

{#- A receipt belongs to one day, so what it is counted by is reckoned from receipts, of which there
    are far fewer than lines: one scan of the facts serves all periods and scopes. -#}
{%- set members = ['store_id', 'country', 'category', 'sub_category', 'day_of_week', 'hour'] -%}
with parts as (
    select
        lines.date_key,
        lines.hour,
        cast({{ iso_weekday('lines.date_key') }} as tinyint) as day_of_week,
        lines.store_id,
        coalesce(lines.country, stores.country) as country,
        products.category,
        products.sub_category,
        lines.transaction_key,
        lines.customer_id,
        lines.sgn,
        count(*) as lines,
        sum(lines.quantity) as quantity,
        sum(lines.gross) as gross,
        sum(lines.discount_value) as discount_value,
        sum(lines.net) as net,
        sum(lines.revenue) as revenue,
        sum(lines.cost) as cost,
        sum(lines.profit) as profit
    from {{ ref('closed_sales') }} as lines
    inner join {{ ref('dim_product') }} as products on lines.product_key = products.product_key
    inner join {{ ref('dim_store') }} as stores on lines.store_id = stores.store_id
    where lines.is_merchandise
    group by all
),

-- What belongs to the period before counts for nothing but the comparison.
spanned as (
    select
        periods.period,
        periods.currency,
        periods.is_comparable,
        parts.date_key >= periods.first_date as is_current,
        case when is_current then parts.sgn end as sgn,
        case when is_current then parts.revenue end as revenue,
        case when is_current then parts.profit end as profit,
        case when not is_current then parts.revenue end as previous_revenue,
        parts.* exclude (sgn, revenue, profit)
    from parts
    inner join {{ ref('analysis_periods') }} as periods
        on parts.store_id = periods.store_id
        and parts.date_key between coalesce(periods.previous_first_date, periods.first_date) and periods.last_date
),

cells as (
    select
        period,
        currency,
        case
            when grouping(hour) = 0 then 'store_hour'
            when grouping(store_id) = 0 then 'store'
            when grouping(country) = 0 then 'country'
            when grouping(sub_category) = 0 then 'sub_category'
            when grouping(category) = 0 then 'category'
            else 'all'
        end as scope,
        {% for name in members -%}
        {{ name }},
        {% endfor -%}
        {{ sales_measures('sum(lines)') }},
        cast(coalesce(sum(net) filter (where sgn = 1 and customer_id is not null), 0) as decimal(18, 2)) as identified_revenue,
        cast(count(distinct store_id) filter (where sgn = 1) as bigint) as stores_selling,
        cast(case when bool_or(is_comparable) then coalesce(sum(previous_revenue), 0) end as decimal(18, 2)) as previous_net_sales
    from spanned
    group by grouping sets (
        (period, currency),
        (period, currency, store_id),
        (period, currency, country),
        (period, currency, category),
        (period, currency, category, sub_category),
        (period, currency, store_id, day_of_week, hour)
    )
)

select
    *,
    {{ growth_pct('net_sales', 'previous_net_sales') }} as growth_prev_period_pct
from cells
where sale_lines + return_lines > 0
