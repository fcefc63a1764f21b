{{ config(materialized='table') }}

with lines as (
    {{ dated_lines() }}
)

select
    currency,
    customer_id,
    date_key,
    min(days_ago) as days_ago,
    cast(count(distinct transaction_key) filter (where sgn = 1) as bigint) as transactions,
    cast(coalesce(sum(net) filter (where sgn = 1), 0) as decimal(18, 2)) as sales_revenue,
    cast(sum(revenue) as decimal(18, 2)) as net_sales,
    cast(sum(profit) as decimal(18, 2)) as gross_profit
from lines
where customer_id is not null
group by currency, customer_id, date_key
