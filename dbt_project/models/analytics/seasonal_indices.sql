{{ config(materialized='table') }}

{%- set metrics = series_metrics() %}

-- The complete business days on which a scope traded; a category has those of all stores.
with days as (
    select *
    from {{ ref('daily_series') }}
    where is_trading and scope_type in ('all', 'store', 'category')
),

hours as (
    select
        case store_id when 'ALL' then 'all' else 'store' end as scope_type,
        store_id as scope_id,
        currency,
        hour,
        {% for name in metrics -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('peak_hours_by_day') }}
    where period = 'all'
    group by store_id, currency, hour
),

classes as (
    {% for dimension, value in {'month': 'month(date_key)', 'day_of_week': iso_weekday('date_key')}.items() -%}
    select
        scope_type,
        scope_id,
        currency,
        '{{ dimension }}' as dimension,
        {{ value }} as value,
        count(*) as n_periods,
        {% for name in metrics -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from days
    group by scope_type, scope_id, currency, {{ value }}
    union all
    {% endfor -%}
    select
        hours.scope_type,
        hours.scope_id,
        hours.currency,
        'hour' as dimension,
        hours.hour as value,
        trading.days as n_periods,
        {% for name in metrics -%}
        hours.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from hours
    inner join (
        select scope_type, scope_id, currency, count(*) as days
        from days
        group by scope_type, scope_id, currency
    ) as trading
        on hours.scope_type = trading.scope_type
        and hours.scope_id = trading.scope_id
        and hours.currency = trading.currency
),

measured as (
    {% for name in metrics -%}
    select
        scope_type,
        scope_id,
        currency,
        '{{ name }}' as metric,
        dimension,
        value,
        n_periods,
        cast({{ name }} as decimal(18, 2)) as total
    from classes
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

meant as (
    select
        *,
        sum(total) over (partition by scope_type, scope_id, currency, metric, dimension) as overall_total,
        sum(n_periods) over (partition by scope_type, scope_id, currency, metric, dimension) as overall_periods
    from measured
)

select
    scope_type,
    scope_id,
    currency,
    metric,
    dimension,
    cast(value as bigint) as value,
    {{ ratio(ratio('total', 'n_periods'), ratio('overall_total', 'overall_periods')) }} as index,
    cast(n_periods as bigint) as n_periods,
    'ratio_to_mean' as method
from meant
