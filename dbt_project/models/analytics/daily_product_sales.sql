{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'store_id', 'item_id'],
) }}

{#- Dense: every item that a store has on sale, on every day on which the store trades. An item is on
    sale in a store that lists it, and elsewhere for so long after each of its sales. A late sale
    makes an item appear on days after it, so all days from the first that was touched are told
    anew. -#}
with touched as (
    select store_id, min(date_key) as first_date
    from {{ ref('fact_sales') }}
    where is_merchandise and load_seq > {{ seen_up_to('load_seq') }}
    group by store_id
),

trading_days as (
    select distinct lines.store_id, lines.date_key
    from {{ ref('fact_sales') }} as lines
    inner join touched on lines.store_id = touched.store_id
    where lines.is_merchandise and lines.date_key >= touched.first_date
),

cells as (
    select
        date_key,
        store_id,
        item_id,
        {{ sales_measures() }}
    from {{ ref('fact_sales') }}
    where is_merchandise and (store_id, date_key) in (select store_id, date_key from trading_days)
    group by date_key, store_id, item_id
),

sale_days as (
    select distinct lines.store_id, lines.item_id, lines.date_key
    from {{ ref('fact_sales') }} as lines
    inner join touched on lines.store_id = touched.store_id
    where lines.is_merchandise
        and lines.date_key >= {{ add_days('touched.first_date', -(var('silent_store_days') | int)) }}
),

-- The days for which each sale keeps its item on sale, up to the next one.
spans as (
    select
        store_id,
        item_id,
        date_key as first_date,
        least(
            {{ add_days('date_key', var('silent_store_days')) }},
            coalesce(
                {{ add_days('lead(date_key) over (partition by store_id, item_id order by date_key)', -1) }},
                {{ add_days('date_key', var('silent_store_days')) }}
            )
        ) as last_date
    from sale_days
),

on_sale as (
    select trading_days.store_id, listed.item_id, trading_days.date_key
    from trading_days
    inner join {{ ref('stg_store_items') }} as listed on trading_days.store_id = listed.store_id
    union
    select trading_days.store_id, spans.item_id, trading_days.date_key
    from trading_days
    inner join spans
        on trading_days.store_id = spans.store_id
        and trading_days.date_key between spans.first_date and spans.last_date
),

goods as (
    select item_id, category
    from {{ ref('dim_product') }}
    where is_current
),

dense as (
    select
        on_sale.date_key,
        on_sale.store_id,
        on_sale.item_id,
        goods.category,
        stores.currency,
        {% for name in sales_measure_names() -%}
        coalesce(cells.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        coalesce(discounts.discount, 0) > 0 as is_promoted
    from on_sale
    inner join {{ ref('stg_stores') }} as stores on on_sale.store_id = stores.store_id
    inner join goods on on_sale.item_id = goods.item_id
    left join {{ ref('stg_weekly_discounts') }} as discounts
        on on_sale.item_id = discounts.item_id
        and on_sale.date_key between discounts.week_start_date and discounts.week_end_date
    left join cells
        on on_sale.date_key = cells.date_key
        and on_sale.store_id = cells.store_id
        and on_sale.item_id = cells.item_id
)

select
    *,
    {{ sales_ratios() }},
    {{ newest_sales_load() }} as load_seq
from dense
