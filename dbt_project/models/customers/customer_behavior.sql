{{ config(materialized='table') }}

{%- set favourites = {'category': 'category', 'hour': 'hour', 'weekday': iso_weekday('date_key')} %}

with lines as (
    {{ dated_lines() }}
        and sales.customer_id is not null
),

spread as (
    select 'all' as period, * from lines
    union all
    select '{{ var("customer_days") }}d' as period, * from lines where days_ago <= {{ var('customer_days') }}
),

totals as (
    select
        period,
        currency,
        customer_id,
        cast(count(distinct date_key) filter (where sgn = 1) as bigint) as shopping_days,
        cast(count(distinct transaction_key) filter (where sgn = 1) as bigint) as transactions,
        cast(coalesce(sum(quantity) filter (where sgn = 1), 0) as bigint) as total_items_purchased,
        coalesce(sum(quantity) filter (where sgn = -1), 0) as units_returned,
        coalesce(sum(net) filter (where sgn = 1), 0) as sales_revenue,
        cast(sum(revenue) as decimal(18, 2)) as total_spent,
        cast(count(distinct store_id) filter (where sgn = 1) as bigint) as stores_visited,
        cast(count(distinct item_id) filter (where sgn = 1) as bigint) as unique_products,
        coalesce(
            list_sort(list(distinct payment_method) filter (where sgn = 1 and payment_method is not null)), []
        ) as payment_methods,
        count(*) filter (where sgn = 1) as sale_lines,
        count(*) filter (where sgn = 1 and discount > 0) as discounted_lines
    from spread
    group by period, currency, customer_id
),

receipts as (
    select
        period,
        currency,
        customer_id,
        transaction_key,
        cast(sum(net) as double) as receipt_value
    from spread
    where sgn = 1
    group by period, currency, customer_id, transaction_key
),

medians as (
    select
        period,
        currency,
        customer_id,
        median(receipt_value) as median_transaction_value
    from receipts
    group by period, currency, customer_id
),
{%- for name, column in favourites.items() %}

receipts_by_{{ name }} as (
    select
        period,
        currency,
        customer_id,
        {{ column }} as {{ name }},
        count(distinct transaction_key) as transactions
    from spread
    where sgn = 1
    group by all
),

favourite_{{ name }} as (
    select
        period,
        currency,
        customer_id,
        max_by({{ name }}, (transactions, {{ name }})) as favourite_{{ name }}
    from receipts_by_{{ name }}
    group by period, currency, customer_id
),
{%- endfor %}

-- Of all time, whatever the period.
gaps as (
    select
        *,
        days_ago - lead(days_ago) over (partition by currency, customer_id order by date_key) as gap_days
    from {{ ref('customer_days') }}
    where transactions > 0
),

rhythms as (
    select
        currency,
        customer_id,
        min(date_key) as first_purchase_date,
        max(date_key) as last_purchase_date,
        min(days_ago) as recency_days,
        avg(gap_days) as mean_gap_days,
        stddev_samp(gap_days) / nullif(avg(gap_days), 0) as gap_cv
    from gaps
    group by currency, customer_id
)

select
    totals.period,
    totals.currency,
    totals.customer_id,
    totals.shopping_days,
    totals.transactions,
    totals.total_items_purchased,
    totals.total_spent,
    {{ ratio('totals.sales_revenue', 'totals.transactions') }} as avg_transaction_value,
    medians.median_transaction_value,
    rhythms.first_purchase_date,
    rhythms.last_purchase_date,
    rhythms.recency_days,
    rhythms.mean_gap_days,
    rhythms.gap_cv,
    totals.stores_visited,
    totals.unique_products,
    favourite_category.favourite_category,
    favourite_hour.favourite_hour,
    cast(favourite_weekday.favourite_weekday as tinyint) as favourite_weekday,
    totals.payment_methods,
    100 * {{ ratio('totals.units_returned', 'totals.total_items_purchased') }} as return_rate_units_pct,
    100 * {{ ratio('totals.discounted_lines', 'totals.sale_lines') }} as discount_share_pct,
    case
        when rhythms.recency_days > 3 * rhythms.mean_gap_days then 'lapsed'
        when rhythms.recency_days > 2 * rhythms.mean_gap_days then 'cooling'
        when rhythms.mean_gap_days is not null then 'active'
    end as churn_risk
from totals
left join rhythms
    on totals.currency = rhythms.currency and totals.customer_id = rhythms.customer_id
{%- for name in ['medians', 'favourite_category', 'favourite_hour', 'favourite_weekday'] %}
left join {{ name }}
    on totals.period = {{ name }}.period
    and totals.currency = {{ name }}.currency
    and totals.customer_id = {{ name }}.customer_id
{%- endfor %}
