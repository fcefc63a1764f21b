{{ config(materialized='table') }}

with stores as (
    select
        dim_store.store_id,
        dim_store.currency,
        {{ add_days(open_date('dim_store.timezone'), -1) }} as last_date,
        coalesce(
            sales.since_date,
            cast({{ to_local('dim_store.valid_from', 'dim_store.timezone') }} as date)
        ) as since_date
    from {{ ref('dim_store') }} as dim_store
    left join (
        select store_id, min(date_key) as since_date
        from {{ ref('daily_store_sales') }}
        group by store_id
    ) as sales on dim_store.store_id = sales.store_id
),

spans as (
    {% for period, days in period_lengths().items() -%}
    select
        '{{ period }}' as period,
        store_id,
        currency,
        since_date,
        {{ add_days('last_date', 1 - days) }} as first_date,
        last_date,
        {{ add_days('last_date', 1 - 2 * days) }} as previous_first_date
    from stores
    union all
    {% endfor -%}
    select
        'all' as period,
        store_id,
        currency,
        since_date,
        since_date as first_date,
        last_date,
        cast(null as date) as previous_first_date
    from stores
)

select
    period,
    store_id,
    currency,
    since_date,
    first_date,
    last_date,
    previous_first_date,
    cast({{ days_between('first_date', 'last_date') }} + 1 as bigint) as days,
    coalesce(previous_first_date >= since_date, false) as is_comparable
from spans
where first_date <= last_date
