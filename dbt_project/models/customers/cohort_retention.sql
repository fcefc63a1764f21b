{{ config(materialized='table') }}

with firsts as (
    select
        currency,
        customer_id,
        date_trunc('month', min(date_key)) as cohort_start
    from {{ ref('customer_days') }}
    where transactions > 0
    group by currency, customer_id
),

cohorts as (
    select currency, cohort_start, cast(count(*) as bigint) as customers
    from firsts
    group by currency, cohort_start
),

closed as (
    select
        currency,
        {{ add_days('max(cast(' ~ to_local(as_of(), 'timezone') ~ ' as date))', -1) }} as last_date
    from {{ ref('stg_stores') }}
    group by currency
),

-- Dense: every month from the first of a cohort to that of the last complete business day.
months as (
    select
        cohorts.currency,
        cohorts.cohort_start,
        cohorts.customers,
        closed.last_date,
        unnest(generate_series(0, date_diff('month', cohorts.cohort_start, closed.last_date))) as month_offset
    from cohorts
    inner join closed on cohorts.currency = closed.currency
),

cells as (
    select
        firsts.currency,
        firsts.cohort_start,
        date_diff('month', firsts.cohort_start, days.date_key) as month_offset,
        count(distinct days.customer_id) filter (where days.transactions > 0) as active,
        sum(days.net_sales) as revenue
    from firsts
    inner join {{ ref('customer_days') }} as days
        on firsts.currency = days.currency and firsts.customer_id = days.customer_id
    group by 1, 2, 3
)

select
    months.currency,
    strftime(months.cohort_start, '%Y-%m') as cohort_month,
    cast(months.month_offset as bigint) as month_offset,
    months.customers,
    cast(coalesce(cells.active, 0) as bigint) as active,
    100 * {{ ratio('coalesce(cells.active, 0)', 'months.customers') }} as retention_pct,
    cast(coalesce(cells.revenue, 0) as decimal(18, 2)) as revenue,
    last_day(cast(months.cohort_start + to_months(cast(months.month_offset as integer)) as date))
    <= months.last_date as is_complete
from months
left join cells
    on months.currency = cells.currency
    and months.cohort_start = cells.cohort_start
    and months.month_offset = cells.month_offset
