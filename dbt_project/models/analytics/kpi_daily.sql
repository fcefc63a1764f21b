{{ config(materialized='table') }}

{#- What is added up over the last days of a store. Transactions belong to one day each; customers
    do not, and are counted anew elsewhere. -#}
{%- set trailed = ['net_sales', 'sales_revenue', 'gross_profit', 'transactions', 'units_sold'] -%}
{%- set spans = [7, 30] -%}
-- Dense: every day from the first sale to the last complete business day.
with bounds as (
    select
        store_id,
        currency,
        min(date_key) as first_date,
        max(date_key) as last_date
    from {{ ref('daily_store_sales') }}
    group by store_id, currency
),

closed as (
    select
        bounds.store_id,
        bounds.currency,
        bounds.first_date,
        -- A total is complete when the business day of the last of its stores is.
        coalesce(
            cast({{ to_local(as_of(), 'stores.timezone') }} as date),
            (
                select min(cast({{ to_local(as_of(), 'timezone') }} as date))
                from {{ ref('stg_stores') }} as members
                where members.currency = bounds.currency
            )
        ) as today
    from bounds
    left join {{ ref('stg_stores') }} as stores on bounds.store_id = stores.store_id
),

days as (
    select
        store_id,
        currency,
        cast(unnest(generate_series(first_date, {{ add_days('today', -1) }}, interval 1 day)) as date) as date_key
    from closed
),

filled as (
    select
        days.date_key,
        days.store_id,
        days.currency,
        {% for name in sales_measure_names() -%}
        coalesce(sales.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from days
    left join {{ ref('daily_store_sales') }} as sales
        on days.date_key = sales.date_key
        and days.store_id = sales.store_id
        and days.currency = sales.currency
),

trailed as (
    select
        *,
        row_number() over (partition by store_id, currency order by date_key) as day_no
        {%- for span in spans %}{% for name in trailed %},
        sum({{ name }}) over (
            partition by store_id, currency order by date_key
            rows between {{ span - 1 }} preceding and current row
        ) as {{ name }}_{{ span }}d,
        sum({{ name }}) over (
            partition by store_id, currency order by date_key
            rows between {{ 2 * span - 1 }} preceding and {{ span }} preceding
        ) as {{ name }}_prev_{{ span }}d
        {%- endfor %}{% endfor %}
    from filled
)

select
    date_key,
    store_id,
    currency,
    {% for name in sales_measure_names() -%}
    {{ name }},
    {% endfor -%}
    {{ sales_ratios() }}
    {%- for span in spans %},
    {%- for name in trailed %}
    cast({{ name }}_{{ span }}d as {{ 'bigint' if name in ('transactions', 'units_sold') else 'decimal(18, 2)' }}) as {{ name }}_{{ span }}d,
    {%- endfor %}
    {{ ratio('sales_revenue_' ~ span ~ 'd', 'transactions_' ~ span ~ 'd') }} as atv_{{ span }}d,
    {{ ratio('units_sold_' ~ span ~ 'd', 'transactions_' ~ span ~ 'd') }} as upt_{{ span }}d,
    100 * {{ ratio('gross_profit_' ~ span ~ 'd', 'net_sales_' ~ span ~ 'd') }} as margin_pct_{{ span }}d,
    -- A span that began before the first day is not compared.
    {%- for name in trailed %}
    case
        when day_no >= {{ 2 * span }} then {{ growth_pct(name ~ '_' ~ span ~ 'd', name ~ '_prev_' ~ span ~ 'd') }}
    end as {{ name }}_growth_{{ span }}d_pct{{ ',' if not loop.last }}
    {%- endfor %}
    {%- endfor %}
from trailed
