{{ config(materialized='table') }}

with segments as (
    select
        currency,
        segment,
        cast(count(*) as bigint) as customers,
        cast(sum(monetary) as decimal(18, 2)) as revenue,
        avg(recency_days) as avg_recency_days,
        avg(frequency) as avg_frequency
    from {{ ref('customer_rfm') }}
    group by currency, segment
)

select
    currency,
    segment,
    customers,
    100 * {{ ratio('customers', 'sum(customers) over (partition by currency)') }} as customers_share_pct,
    revenue,
    100 * {{ ratio('revenue', 'sum(revenue) over (partition by currency)') }} as revenue_share_pct,
    avg_recency_days,
    avg_frequency,
    {{ ratio('revenue', 'customers') }} as avg_monetary
from segments
