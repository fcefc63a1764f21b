{{ config(materialized='table') }}

{#- What checks ask of the facts and their summaries. Null: there is nothing to be judged. -#}
{%- set summaries = ['daily_sales_summary', 'daily_product_sales', 'daily_store_sales'] -%}
{%- set compared = ['sale_lines', 'return_lines', 'net_units', 'net_sales', 'cogs'] %}

with newest as (
    select max(transaction_time) as until_ts
    from {{ ref('fact_sales') }}
),

-- What was sold before, and since a day or a week ago.
recent as (
    select
        facts.*,
        facts.transaction_time > newest.until_ts - interval 1 day as is_of_last_day,
        facts.transaction_time > newest.until_ts - interval 7 day as is_of_last_week
    from {{ ref('fact_sales') }} as facts
    cross join newest
    where facts.sgn = 1
        and facts.is_merchandise
        and facts.transaction_time > newest.until_ts - interval {{ 7 * var('quality_weeks') + 7 }} day
),

-- By receipts: one of many lines weighs no more than one of few.
unknown as (
    select
        100.0 * count(distinct transaction_key) filter (where is_of_last_day and customer_id is null)
        / count(distinct transaction_key) filter (where is_of_last_day) as last_day_pct,
        100.0 * count(distinct transaction_key) filter (where not is_of_last_day and customer_id is null)
        / count(distinct transaction_key) filter (where not is_of_last_day) as before_pct
    from recent
    having count(distinct transaction_key) filter (where is_of_last_day) >= {{ var('quality_min_lines') }}
        and count(distinct transaction_key) filter (where not is_of_last_day) >= {{ var('quality_min_lines') }}
),

item_prices as (
    select
        item_id,
        currency,
        sum(quantity * unit_price) filter (where is_of_last_week)
        / sum(quantity) filter (where is_of_last_week) as last_price,
        sum(quantity * unit_price) filter (where not is_of_last_week)
        / sum(quantity) filter (where not is_of_last_week) as price_before
    from recent
    group by item_id, currency
    having count(*) filter (where is_of_last_week) >= {{ var('quality_min_lines') }}
        and count(*) filter (where not is_of_last_week) >= {{ var('quality_min_lines') }}
),

-- What is in carts at midnight is paid or put back the next day: only what is not, is missing.
missing as (
    select
        *,
        greatest(least(unreconciled_qty, unreconciled_before), 0)
        + least(greatest(unreconciled_qty, unreconciled_before), 0) as missing_qty
    from (
        select
            facts.store_id,
            facts.item_id,
            facts.date_key,
            facts.sold_qty,
            facts.unreconciled_qty,
            lag(facts.unreconciled_qty, 1, 0) over (
                partition by facts.store_id, facts.item_id order by facts.date_key
            ) as unreconciled_before,
            {{ day_start(add_days('facts.date_key', 1), 'stores.timezone') }} <= {{ as_of() }} as is_closed
        from {{ ref('fact_inventory') }} as facts
        inner join {{ ref('dim_store') }} as stores on facts.store_id = stores.store_id
    ) as days
),

books as (
    select
        date_key,
        sold_qty,
        is_closed,
        missing_qty - lag(missing_qty, 1, 0) over (
            partition by store_id, item_id order by date_key
        ) as newly_missing
    from missing
),

-- What each customer had of each item after each of their lines.
held as (
    select
        customer_id,
        item_id,
        sgn,
        sum(sgn * quantity) over (
            partition by customer_id, item_id order by transaction_time, sgn desc
            rows between unbounded preceding and current row
        ) as units
    from {{ ref('fact_sales') }}
    where customer_id is not null
        and is_merchandise
),

facts_by_day as (
    select
        date_key,
        store_id,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where is_merchandise
    group by date_key, store_id
),

differences as (
    {% for name in summaries -%}
    select
        '{{ name }}' as summary,
        coalesce(facts.store_id, told.store_id) as store_id,
        coalesce(facts.date_key, told.date_key) as date_key
    from facts_by_day as facts
    full join (
        select
            date_key,
            store_id,
            {% for column in compared -%}
            sum({{ column }}) as {{ column }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ ref(name) }}
        where store_id <> 'ALL'
        group by date_key, store_id
    ) as told
        on facts.date_key = told.date_key
        and facts.store_id = told.store_id
    where {% for column in compared -%}
        coalesce(facts.{{ column }}, 0) <> coalesce(told.{{ column }}, 0){{ '\n        or ' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    {{ measured(
        'customers_are_known_as_usual', 'analytics/fact_sales',
        'abs(last_day_pct - before_pct)',
        "to_json({'last_day_pct': last_day_pct, 'before_pct': before_pct})",
    ) }}
from unknown

union all
select
    {{ measured(
        'goods_are_accounted_for', 'analytics/fact_inventory',
        "100 * " ~ ratio('sum(abs(newly_missing))', 'sum(sold_qty)'),
    ) }}
from books
where date_key = (select max(date_key) from books where is_closed)

union all
select
    {{ measured(
        'returns_were_sold', 'analytics/fact_sales',
        "count(distinct customer_id || '/' || item_id)",
        sample("customer_id || '/' || item_id"),
    ) }}
from held
where sgn = -1
    and units < 0

{% for name in summaries %}
union all
select
    {{ measured(
        'summaries_agree', 'analytics/' ~ name,
        'count(*)',
        sample("store_id || ' ' || strftime(date_key, '%Y-%m-%d')"),
    ) }}
from differences
where summary = '{{ name }}'
{% endfor %}

{% for name in ['fact_sales', 'dim_product', 'dim_store'] %}
union all
select {{ measured('tables_have_rows', 'analytics/' ~ name, 'count(*)') }}
from {{ ref(name) }}
{% endfor %}

union all
select {{ measured('tables_have_rows', 'analytics/fact_inventory', '(select count(*) from ' ~ ref('fact_inventory') ~ ')') }}
from {{ ref('stg_stores') }}
where stock_tracking <> 'none'
having count(*) > 0

union all
select
    {{ measured(
        'prices_are_steady', 'analytics/fact_sales',
        'count(*)',
        sample("item_id"),
    ) }}
from item_prices
where abs(last_price - price_before) > {{ var('price_anomaly_share') }} * price_before

union all
select
    {{ measured(
        'costs_are_below_prices', 'analytics/dim_product',
        'count(*)',
        sample("item_id"),
    ) }}
from {{ ref('dim_product') }}
where is_current
    and unit_cost > list_price
