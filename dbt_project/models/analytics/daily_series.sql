{{ config(materialized='table') }}

-- Dense: every complete business day since the first one with a sale, of which some had none.
with spans as (
    select
        sales.store_id,
        sales.currency,
        zones.timezone,
        min(sales.date_key) as first_date
    from {{ ref('daily_store_sales') }} as sales
    inner join ({{ scope_zones() }}) as zones
        on sales.store_id = zones.store_id and sales.currency = zones.currency
    group by sales.store_id, sales.currency, zones.timezone
),

listed as (
    select
        store_id,
        currency,
        timezone,
        cast(unnest({{ dates_between('first_date', add_days(open_date('timezone'), -1)) }}) as date) as date_key
    from spans
),

totals as (
    select
        case listed.store_id when 'ALL' then 'all' else 'store' end as scope_type,
        listed.store_id as scope_id,
        listed.currency,
        listed.date_key,
        {{ day_start('listed.date_key', 'listed.timezone') }} as bucket_start,
        {{ days_between('listed.date_key', open_date('listed.timezone')) }} as days_ago,
        sales.date_key is not null as is_trading,
        {% for name in series_metrics() -%}
        coalesce(sales.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from listed
    left join {{ ref('daily_store_sales') }} as sales
        on listed.store_id = sales.store_id
        and listed.currency = sales.currency
        and listed.date_key = sales.date_key
),

cells as (
    {{ category_cells(ref('daily_sales_summary'), 'date_key') }}
),

series as (
    select * from totals
    union all by name
    {{ category_series('totals', 'cells', 'date_key', 'all', 'category') }}
    union all by name
    {{ category_series('totals', 'cells', 'date_key', 'store', 'store_category') }}
)

select
    series.scope_type,
    series.scope_id,
    series.currency,
    series.bucket_start,
    series.date_key,
    cast(series.days_ago as integer) as days_ago,
    series.is_trading,
    coalesce(days.is_holiday, false) as is_holiday,
    {% for name in series_metrics() -%}
    cast(series.{{ name }} as decimal(18, 2)) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from series
left join {{ ref('dim_date') }} as days on series.date_key = days.date_key
