{{ config(materialized='table') }}

{%- set among = 'period, currency' -%}
{%- set weights = {
    'net_sales_percentile': var('score_weight_net_sales'),
    'revenue_per_sqft_percentile': var('score_weight_revenue_per_sqft'),
    'margin_percentile': var('score_weight_margin'),
} %}

with visited as (
    select periods.period, periods.store_id, cast(sum(visits.visitors) as bigint) as visitors
    from {{ ref('hourly_visitors') }} as visits
    inner join {{ ref('analysis_periods') }} as periods
        on visits.store_id = periods.store_id
        and visits.date_key between periods.first_date and periods.last_date
    group by periods.period, periods.store_id
),

-- Money that a day's net sales rise by from one of the last 28 days to the next.
trends as (
    select
        days.store_id,
        regr_slope(cast(days.net_sales as double), {{ days_between('stores.last_date', 'days.date_key') }}) as slope
    from {{ ref('store_performance_daily') }} as days
    inner join {{ ref('analysis_periods') }} as stores
        on days.store_id = stores.store_id
        and stores.period = 'all'
        and days.date_key between {{ add_days('stores.last_date', -27) }} and stores.last_date
    group by days.store_id
),

stores as (
    select
        sales.*,
        {{ sales_ratios('sales.') }},
        dim_store.region,
        dim_store.square_footage,
        visited.visitors,
        trends.slope,
        {{ ratio('sales.sales_revenue', 'dim_store.square_footage') }} as revenue_per_sqft
    from {{ ref('sales_by_period') }} as sales
    inner join {{ ref('dim_store') }} as dim_store on sales.store_id = dim_store.store_id
    left join visited on sales.period = visited.period and sales.store_id = visited.store_id
    left join trends on sales.store_id = trends.store_id
    where sales.scope = 'store'
),

compared as (
    select
        *,
        {{ percentile('net_sales', 'period, currency') }} as net_sales_percentile,
        {{ percentile('revenue_per_sqft', 'period, currency') }} as revenue_per_sqft_percentile,
        {{ percentile('margin_pct', 'period, currency') }} as margin_percentile,
        avg(cast(net_sales as double)) over (partition by period, currency, region) as region_mean
    from stores
)

select
    period,
    store_id,
    currency,
    region,
    {% for name in sales_measure_names() -%}
    {{ name }},
    {% endfor -%}
    {{ sales_ratios() }},
    visitors,
    {{ ratio('transactions', 'visitors') }} as conversion_rate,
    square_footage,
    revenue_per_sqft,
    {{ ratio('transactions', 'square_footage') }} as transactions_per_sqft,
    {{ ratio('identified_revenue', 'customers') }} as revenue_per_customer,
    {{ ratio('(transactions - anon_transactions)', 'customers') }} as transactions_per_customer,
    rank() over (partition by {{ among }} order by net_sales desc) as revenue_rank,
    case
        when revenue_per_sqft is not null
            then rank() over (partition by {{ among }} order by revenue_per_sqft desc nulls last)
    end as efficiency_rank,
    -- What a store has no figure of does not weigh.
    100 * (
        {% for name, weight in weights.items() -%}
        coalesce({{ weight }} * {{ name }}, 0){{ ' + ' if not loop.last }}
        {% endfor -%}
    ) / nullif(
        {% for name, weight in weights.items() -%}
        case when {{ name }} is null then 0 else {{ weight }} end{{ ' + ' if not loop.last }}
        {% endfor -%},
        0
    ) as overall_score,
    100 * {{ ratio('net_sales', 'region_mean') }} as revenue_index_region,
    slope as trend_slope_28d,
    growth_prev_period_pct
from compared
