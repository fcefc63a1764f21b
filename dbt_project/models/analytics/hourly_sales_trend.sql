{{ config(materialized='table') }}

-- Dense: every hour of every business day from the first sale to as_of.
with spans as (
    select
        store_id,
        currency,
        date_trunc('day', min(hour_start)) as first_hour
    from {{ ref('hourly_store_sales') }}
    group by store_id, currency
),

hours as (
    select
        store_id,
        currency,
        unnest(generate_series(first_hour, date_trunc('hour', {{ as_of() }}), interval 1 hour)) as hour_start
    from spans
),

localised as (
    select
        hours.store_id,
        hours.currency,
        hours.hour_start,
        -- A total is open while any of its stores is.
        coalesce(
            {{ is_trading(
                "strftime(" ~ to_local('hours.hour_start', 'stores.timezone') ~ ", '%H:%M')",
                'stores.opens_at', 'stores.closes_at'
            ) }},
            true
        ) as is_open
    from hours
    left join {{ ref('dim_store') }} as stores on hours.store_id = stores.store_id
),

filled as (
    select
        localised.hour_start,
        localised.store_id,
        localised.currency,
        localised.is_open,
        {% for name in sales_measure_names() -%}
        coalesce(sales.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from localised
    left join {{ ref('hourly_store_sales') }} as sales
        on localised.hour_start = sales.hour_start
        and localised.store_id = sales.store_id
        and localised.currency = sales.currency
),

compared as (
    select
        *,
        lag(net_sales, 1) over hours_of_store as net_sales_prev_hour,
        lag(net_sales, 168) over hours_of_store as net_sales_same_hour_last_week
    from filled
    window hours_of_store as (partition by store_id, currency order by hour_start)
)

select
    *,
    {{ sales_ratios() }},
    {{ growth_pct('net_sales', 'net_sales_same_hour_last_week') }} as growth_vs_last_week_pct
from compared
