{{ config(materialized='table') }}

-- Returns by the period in which the goods had been sold.
with came_back as (
    select
        periods.period,
        periods.currency,
        goods.category,
        matches.item_id,
        matches.sale_store_id as store_id,
        matches.days_to_return,
        matches.matched_units
    from {{ ref('return_matches') }} as matches
    inner join {{ ref('analysis_periods') }} as periods
        on matches.sale_store_id = periods.store_id
        and matches.sale_date between periods.first_date and periods.last_date
    inner join {{ ref('dim_product') }} as goods on matches.item_id = goods.item_id and goods.is_current
    where matches.days_to_return <= {{ var('return_window_days') }}
        and matches.return_date <= periods.last_date
),

cohorts as (
    select
        period,
        currency,
        case
            when grouping(item_id) = 0 then 'item'
            when grouping(category) = 0 then 'category'
            when grouping(store_id) = 0 then 'store'
            else 'all'
        end as scope_type,
        coalesce(item_id, category, store_id, 'ALL') as scope_id,
        cast(sum(matched_units) as bigint) as matched_units_returned,
        cast(median(days_to_return) as double) as median_days_to_return
    from came_back
    group by grouping sets (
        (period, currency), (period, currency, item_id), (period, currency, category), (period, currency, store_id)
    )
),

sales as (
    select
        period,
        currency,
        'item' as scope_type,
        item_id as scope_id,
        category,
        {{ sales_measure_names() | join(', ') }}
    from {{ ref('product_performance') }}
    union all
    select
        period,
        currency,
        scope as scope_type,
        coalesce(category, store_id, 'ALL') as scope_id,
        cast(null as varchar) as category,
        {{ sales_measure_names() | join(', ') }}
    from {{ ref('sales_by_period') }}
    where scope in ('all', 'category', 'store')
),

rated as (
    select
        *,
        {{ sales_ratios() }},
        -- Where nothing came back the formula gives 0 but for roundings, which are more than nothing.
        case
            when units_sold > 0 and units_returned = 0 then 0
            when units_sold > 0 then greatest(0, {{ wilson_pct('units_returned', 'units_sold', '-') }})
        end as wilson_low_pct,
        {{ wilson_pct('units_returned', 'units_sold', '+') }} as wilson_unbounded_pct
    from sales
)

select
    rated.period,
    rated.currency,
    rated.scope_type,
    rated.scope_id,
    rated.sale_lines,
    rated.return_lines,
    rated.units_sold,
    rated.units_returned,
    rated.sales_revenue,
    rated.returns_value,
    rated.return_rate_units_pct,
    rated.return_rate_value_pct,
    100 * {{ ratio('rated.return_lines', 'rated.sale_lines') }} as return_rate_lines_pct,
    100 * {{ ratio('rated.return_transactions', 'rated.transactions') }} as return_rate_transactions_pct,
    rated.wilson_low_pct,
    greatest(rated.wilson_unbounded_pct, rated.return_rate_units_pct) as wilson_high_pct,
    coalesce(cohorts.matched_units_returned, 0) as matched_units_returned,
    100 * {{ ratio('coalesce(cohorts.matched_units_returned, 0)', 'rated.units_sold') }} as cohort_return_rate_pct,
    cohorts.median_days_to_return,
    categories.return_rate_units_pct as category_rate_pct,
    case when rated.scope_type = 'item' and rated.units_sold > 0 then {{ chance_pct('everything.return_rate_units_pct', 'rated.units_sold', '-') }} end as chance_low_pct,
    case when rated.scope_type = 'item' and rated.units_sold > 0 then {{ chance_pct('everything.return_rate_units_pct', 'rated.units_sold', '+') }} end as chance_high_pct,
    rated.sale_lines > {{ var('return_min_sale_lines') }} as is_judged,
    coalesce(
        rated.sale_lines > {{ var('return_min_sale_lines') }}
        and rated.wilson_low_pct > 2 * categories.return_rate_units_pct,
        false
    ) as is_flagged
from rated
left join cohorts
    on rated.period = cohorts.period
    and rated.currency = cohorts.currency
    and rated.scope_type = cohorts.scope_type
    and rated.scope_id = cohorts.scope_id
left join rated as categories
    on rated.period = categories.period
    and rated.currency = categories.currency
    and rated.category = categories.scope_id
    and categories.scope_type = 'category'
left join rated as everything
    on rated.period = everything.period
    and rated.currency = everything.currency
    and everything.scope_type = 'all'
