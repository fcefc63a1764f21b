{{ config(materialized='table') }}

with zones as (
    select store_id, currency, {{ open_date('timezone') }} as today
    from ({{ scope_zones() }})
),

spans as (
    select unnest(['1d', '7d', '30d']) as period, unnest([1, 7, 30]) as days
)

select
    spans.period,
    scores.scope_type,
    scores.scope_id,
    scores.currency,
    scores.metric,
    scores.grain,
    scores.method,
    cast(count(*) as bigint) as scored_count,
    cast(count(*) filter (where scores.is_anomaly) as bigint) as anomaly_count,
    cast(count(*) filter (where scores.direction = 'high') as bigint) as high_count,
    cast(count(*) filter (where scores.direction = 'low') as bigint) as low_count,
    avg(abs(scores.score)) filter (where scores.is_anomaly) as avg_score,
    max(scores.score) filter (where scores.is_anomaly) as max_score,
    min(scores.score) filter (where scores.is_anomaly) as min_score,
    max(scores.bucket_start) filter (where scores.is_anomaly) as last_anomaly,
    100 * {{ ratio('count(*) filter (where scores.is_anomaly)', 'count(*)') }} as rate_pct
from {{ ref('sales_anomalies') }} as scores
inner join zones
    on scores.currency = zones.currency
    and zones.store_id = case scores.scope_type when 'store' then scores.scope_id else 'ALL' end
inner join spans
    on scores.date_key between {{ add_days('zones.today', '-spans.days') }} and {{ add_days('zones.today', -1) }}
group by spans.period, scores.scope_type, scores.scope_id, scores.currency, scores.metric, scores.grain, scores.method
