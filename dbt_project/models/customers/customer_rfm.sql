{{ config(materialized='table') }}

-- As of the business date, and of the one before: by the same rule, and by what is known now.
with lines as (
    {{ dated_lines() }}
        and sales.customer_id is not null
),

mornings as (
    select unnest([0, 1]) as days_back
),

totals as (
    select
        mornings.days_back,
        lines.currency,
        lines.customer_id,
        cast(min(lines.days_ago) filter (where lines.sgn = 1) - mornings.days_back as integer) as recency_days,
        cast(count(distinct lines.transaction_key) filter (where lines.sgn = 1) as bigint) as frequency,
        cast(sum(lines.revenue) as decimal(18, 2)) as monetary
    from lines
    cross join mornings
    where lines.days_ago - mornings.days_back between 1 and {{ var('rfm_days') }}
    group by mornings.days_back, lines.currency, lines.customer_id
    having count(*) filter (where lines.sgn = 1) > 0
),

ranked as (
    select
        *,
        count(*) over everybody as customers,
        rank() over (everybody order by recency_days desc) as r_rank,
        rank() over (everybody order by frequency) as f_rank,
        rank() over (everybody order by monetary) as m_rank
    from totals
    window everybody as (partition by days_back, currency)
),

scored as (
    select
        *,
        {{ rank_score('r_rank', 'customers') }} as r_score,
        {{ rank_score('f_rank', 'customers') }} as f_score,
        {{ rank_score('m_rank', 'customers') }} as m_score
    from ranked
),

named as (
    select scored.*, segments.segment
    from scored
    inner join {{ ref('rfm_segments') }} as segments
        on scored.r_score = segments.r_score and scored.f_score = segments.f_score
)

select
    now.currency,
    now.customer_id,
    now.recency_days,
    now.frequency,
    now.monetary,
    now.r_score,
    now.f_score,
    now.m_score,
    concat(now.r_score, now.f_score, now.m_score) as rfm_code,
    cast(now.r_score + now.f_score + now.m_score as tinyint) as rfm_total,
    now.segment,
    before.segment as prev_segment,
    coalesce(now.segment <> before.segment, false) as segment_changed
from named as now
left join named as before
    on now.currency = before.currency and now.customer_id = before.customer_id and before.days_back = 1
where now.days_back = 0
