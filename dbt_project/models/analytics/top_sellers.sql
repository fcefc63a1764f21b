{{ config(materialized='table') }}

{%- set metrics = ['sales_revenue', 'units_sold', 'gross_profit'] -%}
{%- set hours = {'1h': 60, '24h': 1440} -%}
{%- set days = {'7d': 7, '30d': 30} %}

-- What was sold, by period, the one before it included.
with sold as (
    {% for period, minutes in hours.items() -%}
    select
        '{{ period }}' as period,
        transaction_time >= {{ add_minutes(as_of(), -minutes) }} as is_current,
        currency,
        store_id,
        item_id,
        category,
        sgn,
        net,
        quantity,
        profit
    from {{ ref('fact_sales') }}
    where is_merchandise
        and transaction_time >= {{ add_minutes(as_of(), -2 * minutes) }}
        and transaction_time < {{ as_of() }}
    union all
    {% endfor -%}
    select
        periods.period,
        sales.date_key >= periods.first_date as is_current,
        sales.currency,
        sales.store_id,
        sales.item_id,
        sales.category,
        sales.sgn,
        sales.net,
        sales.quantity,
        sales.profit
    from {{ ref('fact_sales') }} as sales
    inner join {{ ref('analysis_periods') }} as periods
        on sales.store_id = periods.store_id
        and sales.date_key between periods.previous_first_date and periods.last_date
        and periods.period in ('{{ days | join("', '") }}')
    where sales.is_merchandise
        -- Whatever the time zone, no period reaches back further.
        and sales.date_key >= {{ add_days('cast(' ~ as_of() ~ ' as date)', -2 * (days.values() | max) - 2) }}
),

cells as (
    select
        period,
        is_current,
        currency,
        case when grouping(item_id) = 1 then 'store' else 'item' end as member_type,
        case
            when grouping(item_id) = 1 then 'all'
            when grouping(store_id) = 0 then 'store'
            when grouping(category) = 0 then 'category'
            else 'all'
        end as scope_type,
        case
            when grouping(item_id) = 1 then 'ALL'
            else coalesce(store_id, category, 'ALL')
        end as scope_value,
        coalesce(item_id, store_id) as member_id,
        coalesce(sum(net) filter (where sgn = 1), 0) as sales_revenue,
        coalesce(sum(quantity) filter (where sgn = 1), 0) as units_sold,
        sum(profit) as gross_profit
    from sold
    group by grouping sets (
        (period, is_current, currency, item_id),
        (period, is_current, currency, store_id, item_id),
        (period, is_current, currency, category, item_id),
        (period, is_current, currency, store_id)
    )
),

measured as (
    {% for name in metrics -%}
    select
        period,
        is_current,
        currency,
        member_type,
        scope_type,
        scope_value,
        '{{ name }}' as metric,
        member_id,
        cast({{ name }} as decimal(18, 2)) as value
    from cells
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ranked as (
    select
        *,
        {{ share_pct('value', 'partition by period, is_current, currency, member_type, scope_type, scope_value, metric') }} as share_pct,
        row_number() over (
            partition by period, is_current, currency, member_type, scope_type, scope_value, metric
            order by value desc, member_id
        ) as rank
    from measured
    qualify value > 0
)

select
    now.period,
    now.currency,
    now.member_type,
    now.scope_type,
    now.scope_value,
    now.metric,
    now.rank,
    now.member_id,
    now.value,
    now.share_pct,
    before.rank as prev_rank,
    before.rank - now.rank as rank_change
from ranked as now
left join ranked as before
    on not before.is_current
    and now.period = before.period
    and now.currency = before.currency
    and now.member_type = before.member_type
    and now.scope_type = before.scope_type
    and now.scope_value = before.scope_value
    and now.metric = before.metric
    and now.member_id = before.member_id
where now.is_current and now.rank <= 50
