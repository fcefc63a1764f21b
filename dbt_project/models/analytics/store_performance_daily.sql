{{ config(materialized='table') }}

{%- set of_day = 'date_key, currency' %}

-- Dense: every day from the first sale to that of as_of, which is not over.
with bounds as (
    select
        sales.store_id,
        any_value(sales.currency) as currency,
        min(sales.date_key) as first_date,
        any_value({{ open_date('stores.timezone') }}) as today
    from {{ ref('daily_store_sales') }} as sales
    inner join {{ ref('dim_store') }} as stores on sales.store_id = stores.store_id
    group by sales.store_id
),

days as (
    select
        store_id,
        currency,
        today,
        cast(unnest(generate_series(first_date, today, interval 1 day)) as date) as date_key
    from bounds
),

visited as (
    select date_key, store_id, cast(sum(visitors) as bigint) as visitors
    from {{ ref('hourly_visitors') }}
    group by date_key, store_id
),

filled as (
    select
        days.date_key,
        days.store_id,
        days.currency,
        {% for name in sales_measure_names() -%}
        coalesce(sales.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        visited.visitors,
        days.date_key < days.today as is_complete
    from days
    left join {{ ref('daily_store_sales') }} as sales
        on days.date_key = sales.date_key and days.store_id = sales.store_id
    left join visited
        on days.date_key = visited.date_key and days.store_id = visited.store_id
),

compared as (
    select
        *,
        {{ sales_ratios() }},
        lag(net_sales, 1) over days_of_store as net_sales_prev_day,
        lag(net_sales, 7) over days_of_store as net_sales_same_day_last_week
    from filled
    window days_of_store as (partition by store_id order by date_key)
)

select
    * exclude (is_complete),
    {{ ratio('transactions', 'visitors') }} as conversion_rate,
    {{ ratio('net_sales', 'visitors') }} as sales_per_visitor,
    case when is_complete then {{ growth_pct('net_sales', 'net_sales_same_day_last_week') }} end as growth_wow_pct,
    rank() over (partition by {{ of_day }} order by net_sales desc) as rank_net_sales,
    case when atv is not null then rank() over (partition by {{ of_day }} order by atv desc nulls last) end as rank_atv,
    is_complete
from compared
