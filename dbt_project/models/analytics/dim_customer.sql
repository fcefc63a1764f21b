{{ config(materialized='table') }}

with lines as (
    select
        *,
        sgn = 1 and is_merchandise as is_purchase
    from {{ ref('fact_sales') }}
    where customer_id is not null
),

countries as (
    select customer_key, country, count(*) as lines
    from lines
    where country is not null
    group by customer_key, country
),

homes as (
    select customer_key, max_by(country, (lines, country)) as country
    from countries
    group by customer_key
)

select
    0 as customer_key,
    'ANONYMOUS' as customer_id,
    true as is_anonymous,
    cast(null as varchar) as country,
    cast(null as timestamp with time zone) as first_purchase_ts,
    cast(null as varchar) as first_store_id,
    cast(null as varchar) as cohort_month,
    cast(null as timestamp with time zone) as last_purchase_ts
union all
select
    lines.customer_key,
    lines.customer_id,
    false as is_anonymous,
    any_value(homes.country) as country,
    min(lines.transaction_time) filter (where lines.is_purchase) as first_purchase_ts,
    min_by(lines.store_id, (lines.transaction_time, lines.store_id)) filter (where lines.is_purchase) as first_store_id,
    strftime(min(lines.date_key) filter (where lines.is_purchase), '%Y-%m') as cohort_month,
    max(lines.transaction_time) filter (where lines.is_purchase) as last_purchase_ts
from lines
left join homes on lines.customer_key = homes.customer_key
group by lines.customer_key, lines.customer_id
