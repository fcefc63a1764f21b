{{ config(materialized='table') }}

-- Dense: every complete hour since the first business day, as the hourly trend tells them.
with totals as (
    select
        case trend.store_id when 'ALL' then 'all' else 'store' end as scope_type,
        trend.store_id as scope_id,
        trend.currency,
        trend.hour_start as bucket_start,
        trend.is_open,
        cast({{ to_local('trend.hour_start', 'zones.timezone') }} as date) as date_key,
        cast(extract(hour from {{ to_local('trend.hour_start', 'zones.timezone') }}) as tinyint) as hour,
        {{ days_between('cast(' ~ to_local('trend.hour_start', 'zones.timezone') ~ ' as date)', open_date('zones.timezone')) }} as days_ago,
        {% for name in series_metrics() -%}
        trend.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('hourly_sales_trend') }} as trend
    inner join ({{ scope_zones() }}) as zones
        on trend.store_id = zones.store_id and trend.currency = zones.currency
    where {{ add_minutes('trend.hour_start', 60) }} <= {{ as_of() }}
),

sales as (
    select * exclude (hour_start), hour_start as bucket_start
    from {{ ref('hourly_sales_summary') }}
),

cells as (
    {{ category_cells('sales', 'bucket_start') }}
),

series as (
    select * from totals
    union all by name
    {{ category_series('totals', 'cells', 'bucket_start', 'all', 'category') }}
)

select
    series.scope_type,
    series.scope_id,
    series.currency,
    series.bucket_start,
    series.date_key,
    series.hour,
    cast(series.days_ago as integer) as days_ago,
    series.is_open,
    coalesce(days.is_holiday, false) as is_holiday,
    {% for name in series_metrics() -%}
    cast(series.{{ name }} as decimal(18, 2)) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from series
left join {{ ref('dim_date') }} as days on series.date_key = days.date_key
