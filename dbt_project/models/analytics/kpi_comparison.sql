{{ config(materialized='table') }}

{#- KPIs of the last days beside those of as many days before, one row for each. What a KPI is divided
    by stands where all ratios stand; here are only the sums of both periods. -#}
{%- set periods = period_lengths() -%}
{%- set longest = periods.values() | max -%}
{%- set since = add_days('cast(' ~ as_of() ~ ' as date)', -2 * longest - 2) -%}
{%- set whose = 'period, is_current, currency, store_id' -%}
{#- KPI, its unit, whether more of it is better. -#}
{%- set kpis = [
    ('net_sales', 'money', true),
    ('gross_profit', 'money', true),
    ('margin_pct', 'percent', true),
    ('transactions', 'count', true),
    ('atv', 'money', true),
    ('units_sold', 'count', true),
    ('customers', 'count', true),
    ('return_rate_value_pct', 'percent', false),
    ('stock_value', 'money', none),
    ('turns_annualised', 'ratio', true),
    ('oos_time_rate_pct', 'percent', false),
] %}

with spans as (
    select
        period,
        store_id,
        currency,
        days,
        first_date,
        last_date,
        previous_first_date,
        is_comparable
    from {{ ref('analysis_periods') }}
    where period <> 'all'
),

-- Receipts and money of a day belong to one store, and add up.
sold as (
    select
        spans.period,
        sales.date_key >= spans.first_date as is_current,
        spans.currency,
        case grouping(spans.store_id) when 1 then 'ALL' else spans.store_id end as store_id,
        bool_or(spans.is_comparable) as is_comparable,
        {% for name in ['net_sales', 'gross_profit', 'sales_revenue', 'returns_value', 'gross_sales', 'discount_value', 'transactions', 'units_sold', 'units_returned'] -%}
        sum(sales.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('daily_store_sales') }} as sales
    inner join spans
        on sales.store_id = spans.store_id
        and sales.date_key between spans.previous_first_date and spans.last_date
    group by grouping sets (
        (spans.period, is_current, spans.currency, spans.store_id),
        (spans.period, is_current, spans.currency)
    )
),

-- Customers do not: who came twice counts once.
buyers as (
    select distinct store_id, date_key, customer_id
    from {{ ref('fact_sales') }}
    where is_merchandise
        and sgn = 1
        and customer_id is not null
        and date_key >= {{ since }}
),

known as (
    select
        spans.period,
        buyers.date_key >= spans.first_date as is_current,
        spans.currency,
        case grouping(spans.store_id) when 1 then 'ALL' else spans.store_id end as store_id,
        count(distinct buyers.customer_id) as customers
    from buyers
    inner join spans
        on buyers.store_id = spans.store_id
        and buyers.date_key between spans.previous_first_date and spans.last_date
    group by grouping sets (
        (spans.period, is_current, spans.currency, spans.store_id),
        (spans.period, is_current, spans.currency)
    )
),

-- The books of a store's day, as one row.
stocked as (
    select
        stock.date_key,
        stock.store_id,
        sum(stock.closing_value + round(greatest(stock.wh_on_hand_qty, 0) * stock.unit_cost, 2)) as closing_value,
        sum((stock.tw_avg_qty + stock.wh_tw_avg_qty) * stock.unit_cost) as avg_cost,
        sum(sales.cogs) as cogs,
        sum(stock.oos_minutes) as oos_minutes,
        sum(stock.open_minutes) as open_minutes
    from {{ ref('fact_inventory') }} as stock
    left join {{ ref('daily_product_sales') }} as sales
        on stock.date_key = sales.date_key
        and stock.store_id = sales.store_id
        and stock.item_id = sales.item_id
    where stock.is_closed and stock.date_key >= {{ since }}
    group by stock.date_key, stock.store_id
),

kept as (
    select
        spans.period,
        stocked.date_key >= spans.first_date as is_current,
        spans.currency,
        case grouping(spans.store_id) when 1 then 'ALL' else spans.store_id end as store_id,
        -- Half a period tells nothing of the whole one.
        count(distinct stocked.date_key) >= any_value(spans.days) as is_whole,
        sum(stocked.closing_value) filter (
            where stocked.date_key in (spans.last_date, {{ add_days('spans.first_date', -1) }})
        ) as stock_value,
        sum(stocked.cogs) as cogs,
        sum(stocked.avg_cost) as avg_cost_days,
        sum(stocked.oos_minutes) as oos_minutes,
        sum(stocked.open_minutes) as open_minutes
    from stocked
    inner join spans
        on stocked.store_id = spans.store_id
        and stocked.date_key between spans.previous_first_date and spans.last_date
    group by grouping sets (
        (spans.period, is_current, spans.currency, spans.store_id),
        (spans.period, is_current, spans.currency)
    )
),

-- Percentages are of the money that the period moved; turns as in inventory_turnover.
measured as (
    select
        {{ whose }},
        cast(sold.net_sales as double) as net_sales,
        cast(sold.gross_profit as double) as gross_profit,
        {{ sales_ratios('sold.') }},
        cast(sold.transactions as double) as transactions,
        cast(sold.units_sold as double) as units_sold,
        -- Where tills know nobody, there is nobody to count.
        cast(nullif(known.customers, 0) as double) as customers,
        cast(kept.stock_value as double) as stock_value,
        365 * {{ ratio('kept.cogs', 'kept.avg_cost_days') }} as turns_annualised,
        100 * {{ ratio('kept.oos_minutes', 'kept.open_minutes') }} as oos_time_rate_pct,
        coalesce(sold.is_comparable, false) as is_comparable,
        coalesce(kept.is_whole, false) as is_stock_whole
    from sold
    full join known using ({{ whose }})
    full join kept using ({{ whose }})
),

told as (
    {% for name, unit, more_is_better in kpis -%}
    select
        {{ whose }},
        '{{ name }}' as kpi,
        cast({{ loop.index }} as integer) as kpi_no,
        '{{ unit }}' as unit,
        cast({{ 'null' if more_is_better is none else more_is_better | lower }} as boolean) as is_more_better,
        {{ name }} as value,
        {{ 'is_stock_whole' if name in ['stock_value', 'turns_annualised', 'oos_time_rate_pct'] else 'is_comparable' }} as is_whole
    from measured
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    now.period,
    now.store_id,
    now.currency,
    now.kpi,
    now.kpi_no,
    now.unit,
    now.is_more_better,
    now.value,
    case when before.is_whole then before.value end as prev_value,
    case
        when not before.is_whole then null
        when now.unit = 'percent' then now.value - before.value
        else {{ growth_pct('now.value', 'before.value') }}
    end as change
from told as now
left join told as before
    on not before.is_current
    and now.period = before.period
    and now.currency = before.currency
    and now.store_id = before.store_id
    and now.kpi = before.kpi
where now.is_current and now.value is not null
