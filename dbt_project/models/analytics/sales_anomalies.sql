{{ config(materialized='table') }}

{#- Scores look back only: an hour is never part of what it is compared with. -#}
{%- set metrics = ['sales_revenue', 'net_sales', 'units_sold', 'transactions'] -%}
{%- set series = 'scope_type, scope_id, currency' -%}
{%- set thresholds = {
    'trailing_z': var('anomaly_trailing_z'), 'seasonal_mad': var('anomaly_seasonal_mad'),
} %}

-- Dense: every complete hour since the first business day, as the hourly trend tells them.
with hours as (
    select
        trend.store_id,
        trend.currency,
        trend.hour_start,
        trend.is_open,
        {{ to_local('trend.hour_start', 'zones.timezone') }} as local_ts,
        {{ open_date('zones.timezone') }} as today,
        {% for name in metrics -%}
        trend.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('hourly_sales_trend') }} as trend
    inner join ({{ scope_zones() }}) as zones
        on trend.store_id = zones.store_id and trend.currency = zones.currency
    where {{ add_minutes('trend.hour_start', 60) }} <= {{ as_of() }}
),

categories as (
    select
        category,
        currency,
        hour_start,
        {% for name in metrics -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('hourly_sales_summary') }}
    group by category, currency, hour_start
),

series as (
    select
        case store_id when 'ALL' then 'all' else 'store' end as scope_type,
        store_id as scope_id,
        * exclude (store_id)
    from hours
    union all by name
    select
        'category' as scope_type,
        listed.category as scope_id,
        hours.* exclude (store_id, {{ metrics | join(', ') }}),
        {% for name in metrics -%}
        coalesce(categories.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from hours
    inner join (select distinct category, currency from categories) as listed
        on hours.currency = listed.currency
    left join categories
        on listed.category = categories.category
        and hours.currency = categories.currency
        and hours.hour_start = categories.hour_start
    where hours.store_id = 'ALL'
),

referred as (
    select
        scope_type,
        scope_id,
        currency,
        hour_start,
        is_open,
        local_ts,
        today,
        count(*) over day_before as hours_before,
        count(*) over weeks_before as weeks_before,
        count(*) over month_before as month_hours
        {%- for name in metrics %},
        {{ name }},
        avg(cast({{ name }} as double)) over day_before as {{ name }}_mean,
        stddev_samp(cast({{ name }} as double)) over day_before as {{ name }}_sd,
        median(cast({{ name }} as double)) over weeks_before as {{ name }}_median,
        mad(cast({{ name }} as double)) over weeks_before as {{ name }}_mad,
        avg(cast(nullif({{ name }}, 0) as double)) over month_before as {{ name }}_open_mean,
        sum({{ name }}) over month_before as {{ name }}_of_month
        {%- endfor %}
    from series
    window
        day_before as (
            partition by {{ series }} order by hour_start rows between 24 preceding and 1 preceding
        ),
        month_before as (
            partition by {{ series }} order by hour_start rows between 672 preceding and 1 preceding
        ),
        weeks_before as (
            partition by {{ series }}, {{ iso_weekday('local_ts') }}, extract(hour from local_ts)
            order by hour_start
            rows between 8 preceding and 1 preceding
        )
),

scored as (
    {% for name in metrics -%}
    select
        {{ series }},
        hour_start,
        is_open,
        local_ts,
        today,
        '{{ name }}' as metric,
        'trailing_z' as method,
        cast({{ name }} as decimal(18, 2)) as value,
        {{ name }}_mean as baseline,
        {{ name }}_sd as scale,
        hours_before as n_ref,
        0.0 as least_deviation
    from referred
    where hours_before = 24
    union all
    select
        {{ series }},
        hour_start,
        is_open,
        local_ts,
        today,
        '{{ name }}' as metric,
        'seasonal_mad' as method,
        cast({{ name }} as decimal(18, 2)) as value,
        {{ name }}_median as baseline,
        -- Two floors: one under the scale, and one under what is worth telling.
        greatest(1.4826 * {{ name }}_mad, 0.05 * {{ name }}_open_mean) as scale,
        weeks_before as n_ref,
        0.02 * 24 * {{ ratio(name ~ '_of_month', 'month_hours') }} as least_deviation
    from referred
    where weeks_before >= 4
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

judged as (
    select
        *,
        {{ ratio('value - baseline', 'scale') }} as score,
        case method {% for method, threshold in thresholds.items() %}when '{{ method }}' then {{ threshold }} {% endfor %}end as threshold,
        coalesce(abs(score) > threshold and abs(value - baseline) >= least_deviation, false) as is_anomaly
    from scored
)

select
    judged.scope_type,
    judged.scope_id,
    judged.currency,
    judged.metric,
    'hour' as grain,
    judged.hour_start as bucket_start,
    judged.method,
    cast(judged.local_ts as date) as date_key,
    cast(extract(hour from judged.local_ts) as tinyint) as hour,
    judged.value,
    judged.baseline,
    judged.scale,
    judged.score,
    judged.baseline - judged.threshold * judged.scale as lower_band,
    judged.baseline + judged.threshold * judged.scale as upper_band,
    judged.is_anomaly,
    case when judged.is_anomaly and judged.score > 0 then 'high' when judged.is_anomaly then 'low' end as direction,
    case
        when not judged.is_anomaly then null
        when abs(judged.score) > 8 then 'HIGH'
        when abs(judged.score) > 5 then 'MEDIUM'
        else 'LOW'
    end as severity,
    judged.is_open,
    coalesce(days.is_holiday, false) as is_holiday,
    judged.n_ref
from judged
left join {{ ref('dim_date') }} as days on cast(judged.local_ts as date) = days.date_key
where judged.is_anomaly
    or cast(judged.local_ts as date) >= {{ add_days('judged.today', -(var('anomaly_score_days') | int)) }}
