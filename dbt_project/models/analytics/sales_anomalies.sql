{{ config(materialized='table') }}

{#- Scores look back only: a bucket is never part of what it is compared with. -#}
{%- set thresholds = {
    'trailing_z': var('anomaly_trailing_z'), 'seasonal_mad': var('anomaly_seasonal_mad'),
} %}

with hours as (
    select
        scope_type,
        scope_id,
        currency,
        bucket_start,
        count(*) over day_before as hours_before
        {%- for name in series_metrics() %},
        avg(cast({{ name }} as double)) over day_before as {{ name }}_mean,
        stddev_samp(cast({{ name }} as double)) over day_before as {{ name }}_sd
        {%- endfor %},
        {{ seasonal_references() }}
    from {{ ref('hourly_series') }}
    window
        day_before as (
            partition by scope_type, scope_id, currency order by bucket_start
            rows between 24 preceding and 1 preceding
        ),
        {{ seasonal_windows(iso_weekday('date_key') ~ ', hour', 24) }}
),

days as (
    select
        scope_type,
        scope_id,
        currency,
        bucket_start,
        {{ seasonal_references() }}
    from {{ ref('daily_series') }}
    window {{ seasonal_windows(iso_weekday('date_key'), 1) }}
),

scored as (
    {% for name in series_metrics() -%}
    select
        scope_type,
        scope_id,
        currency,
        'hour' as grain,
        bucket_start,
        '{{ name }}' as metric,
        'trailing_z' as method,
        cast({{ name }} as decimal(18, 2)) as value,
        {{ name }}_mean as baseline,
        {{ name }}_sd as scale,
        hours_before as n_ref,
        0.0 as least_deviation,
        {{ trailing_reference(name) }},
        {{ seasonal_reference(name) }}
    from hours
    where hours_before = 24
    union all
    {% endfor -%}
    {{ seasonal_scores('hours', 'hour', 24) }}
    union all
    {{ seasonal_scores('days', 'day', 1) }}
),

judged as (
    select
        *,
        {{ ratio('value - baseline', 'scale') }} as score,
        case method {% for method, threshold in thresholds.items() %}when '{{ method }}' then {{ threshold }} {% endfor %}end as threshold,
        coalesce(abs(score) > threshold and abs(value - baseline) >= least_deviation, false) as is_anomaly,
        {{ ratio('value - moving_avg_24h', 'std_dev_24h') }} as z_score,
        {{ ratio('value - seasonal_median', 'seasonal_scale') }} as robust_z
    from scored
),

buckets as (
    select scope_type, scope_id, currency, 'hour' as grain, bucket_start, date_key, days_ago, hour, is_open, is_holiday
    from {{ ref('hourly_series') }}
    union all
    select scope_type, scope_id, currency, 'day' as grain, bucket_start, date_key, days_ago, null as hour, true as is_open, is_holiday
    from {{ ref('daily_series') }}
)

select
    judged.scope_type,
    judged.scope_id,
    judged.currency,
    judged.metric,
    judged.grain,
    judged.bucket_start,
    judged.method,
    buckets.date_key,
    buckets.hour,
    buckets.days_ago,
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
    buckets.is_open,
    buckets.is_holiday,
    judged.n_ref,
    judged.z_score,
    judged.robust_z,
    judged.moving_avg_24h,
    judged.std_dev_24h,
    case
        when judged.is_anomaly then 'anomaly'
        when judged.score is null then 'not_comparable'
        else 'usual'
    end as status,
    case
        when judged.is_anomaly
            then concat_ws(
                '; ',
                format(
                    '{:.2f} where {:.2f} was to be expected, {:.2f} to {:.2f} at most',
                    cast(judged.value as double),
                    judged.baseline,
                    judged.baseline - judged.threshold * judged.scale,
                    judged.baseline + judged.threshold * judged.scale
                ),
                case when buckets.is_holiday then 'public holiday' end,
                case when not buckets.is_open then 'closed' end
            )
    end as explanation
from judged
inner join buckets
    on judged.grain = buckets.grain
    and judged.scope_type = buckets.scope_type
    and judged.scope_id = buckets.scope_id
    and judged.currency = buckets.currency
    and judged.bucket_start = buckets.bucket_start
where judged.is_anomaly or buckets.days_ago <= {{ var('anomaly_score_days') | int }}
