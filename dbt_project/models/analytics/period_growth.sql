{{ config(materialized='table') }}

{%- set series = 'scope_type, scope_id, currency, period_type' -%}
{%- set types = ['day', 'week', 'month', 'quarter', 'year'] %}

with days as (
    select
        case store_id when 'ALL' then 'all' else 'store' end as scope_type,
        store_id as scope_id,
        store_id,
        currency,
        date_key,
        transactions,
        units_sold,
        sales_revenue,
        net_sales
    from {{ ref('daily_store_sales') }}
    union all
    select
        'category' as scope_type,
        category as scope_id,
        'ALL' as store_id,
        currency,
        date_key,
        sum(transactions) as transactions,
        sum(units_sold) as units_sold,
        sum(sales_revenue) as sales_revenue,
        sum(net_sales) as net_sales
    from {{ ref('daily_sales_summary') }}
    group by category, currency, date_key
),

-- A category is told from the first day on that anything was sold.
bounds as (
    select
        days.scope_type,
        days.scope_id,
        days.currency,
        any_value(zones.today) as today,
        any_value(first_days.first_date) as first_date
    from days
    inner join (
        select store_id, currency, {{ open_date('timezone') }} as today
        from ({{ scope_zones() }})
    ) as zones on days.store_id = zones.store_id and days.currency = zones.currency
    inner join (
        select store_id, currency, min(date_key) as first_date
        from {{ ref('daily_store_sales') }}
        group by store_id, currency
    ) as first_days on days.store_id = first_days.store_id and days.currency = first_days.currency
    group by days.scope_type, days.scope_id, days.currency
),

spans as (
    {% for type in types -%}
    select
        scope_type,
        scope_id,
        currency,
        today,
        first_date,
        '{{ type }}' as period_type,
        cast(unnest(generate_series(
            date_trunc('{{ type }}', first_date), date_trunc('{{ type }}', today), interval 1 {{ type }}
        )) as date) as period_start
    from bounds
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

totals as (
    {% for type in types -%}
    select
        scope_type,
        scope_id,
        currency,
        '{{ type }}' as period_type,
        cast(date_trunc('{{ type }}', date_key) as date) as period_start,
        sum(transactions) as transactions,
        sum(units_sold) as units_sold,
        sum(sales_revenue) as sales_revenue,
        sum(net_sales) as net_sales
    from days
    group by scope_type, scope_id, currency, period_start
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

filled as (
    select
        spans.scope_type,
        spans.scope_id,
        spans.currency,
        spans.period_type,
        spans.period_start,
        cast(coalesce(totals.transactions, 0) as bigint) as transactions,
        cast(coalesce(totals.units_sold, 0) as bigint) as units_sold,
        cast(coalesce(totals.sales_revenue, 0) as decimal(18, 2)) as sales_revenue,
        cast(coalesce(totals.net_sales, 0) as decimal(18, 2)) as net_sales,
        -- Days and weeks are compared with the same weekday of the year before.
        cast(case spans.period_type
            {% for type in types -%}
            when '{{ type }}' then spans.period_start - interval {{ '364 day' if type in ('day', 'week') else '1 year' }}
            {% endfor -%}
        end as date) as year_before,
        spans.period_start >= spans.first_date
        and case spans.period_type
            {% for type in types -%}
            when '{{ type }}' then spans.period_start + interval 1 {{ type }}
            {% endfor -%}
        end <= spans.today as is_complete
    from spans
    left join totals
        on spans.scope_type = totals.scope_type
        and spans.scope_id = totals.scope_id
        and spans.currency = totals.currency
        and spans.period_type = totals.period_type
        and spans.period_start = totals.period_start
),

compared as (
    select
        filled.*,
        lag(filled.net_sales) over periods as prev_net_sales,
        coalesce(lag(filled.is_complete) over periods, false) as prev_is_complete,
        years.net_sales as yoy_net_sales,
        coalesce(years.is_complete, false) as yoy_is_complete,
        cast(sum(filled.net_sales) over periods as decimal(18, 2)) as running_total
    from filled
    left join filled as years
        on filled.scope_type = years.scope_type
        and filled.scope_id = years.scope_id
        and filled.currency = years.currency
        and filled.period_type = years.period_type
        and filled.year_before = years.period_start
    window periods as (
        partition by filled.scope_type, filled.scope_id, filled.currency, filled.period_type
        order by filled.period_start
    )
)

select
    {{ series }},
    period_start,
    transactions,
    units_sold,
    sales_revenue,
    net_sales,
    prev_net_sales,
    yoy_net_sales,
    case when is_complete and prev_is_complete then {{ growth_pct('net_sales', 'prev_net_sales') }} end as mom_growth_pct,
    case when is_complete and yoy_is_complete then {{ growth_pct('net_sales', 'yoy_net_sales') }} end as yoy_growth_pct,
    running_total,
    is_complete
from compared
