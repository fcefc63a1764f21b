{#- What the models of stock share. A rule of the measures stands here once. -#}

{#- Which days of which item the stock has to be told for, in one row per item: all its days at
    first, from its first movement on; then those that are new or were not over, and from the first
    day on that something has come for the item. A day ends with as_of at the latest; one that has
    just begun has nothing to tell. -#}
{% macro inventory_spans(stock_seen, orders_seen, checks_seen) -%}
with stores as (
    select
        store_id,
        timezone,
        cast({{ to_local('(' ~ as_of() ~ ' - interval 1 microsecond)', 'timezone') }} as date) as last_date
    from {{ ref('stg_stores') }}
    where stock_tracking <> 'none'
),

items as (
    select
        levels.store_id,
        levels.item_id,
        min(levels.event_ts) as tracked_since,
        cast({{ to_local('min(levels.event_ts)', 'any_value(stores.timezone)') }} as date) as first_date,
        any_value(stores.last_date) as last_date
    from {{ ref('stock_levels') }} as levels
    inner join stores on levels.store_id = stores.store_id
    where levels.event_ts < {{ as_of() }}
    group by levels.store_id, levels.item_id
)
{%- if is_incremental() %},

told as (
    {{ next_dates('date_key') }}
),

arrivals as (
    select store_id, item_id, event_ts
    from {{ ref('stock_movements') }}
    where location <> 'transit' and load_seq > {{ stock_seen }}
    union all
    select store_id, item_id, issued_ts as event_ts
    from {{ ref('issued_commands') }}
    where command_type = 'supplier_order' and ingest_batch > {{ orders_seen }}
    union all
    select store_id, item_id, checked_ts as event_ts
    from {{ ref('delivery_checks') }}
    where ingest_batch > {{ checks_seen }}
),

touched as (
    select
        arrivals.store_id,
        arrivals.item_id,
        cast({{ to_local('min(arrivals.event_ts)', 'any_value(stores.timezone)') }} as date) as first_date
    from arrivals
    inner join stores on arrivals.store_id = stores.store_id
    group by arrivals.store_id, arrivals.item_id
),

spans as (
    select
        items.store_id,
        items.item_id,
        items.tracked_since,
        greatest(
            items.first_date,
            least(coalesce(told.next_date, items.first_date), coalesce(touched.first_date, items.last_date))
        ) as from_date,
        items.last_date
    from items
    left join told on items.store_id = told.store_id and items.item_id = told.item_id
    left join touched on items.store_id = touched.store_id and items.item_id = touched.item_id
)
{%- else %},

spans as (
    select store_id, item_id, tracked_since, first_date as from_date, last_date
    from items
)
{%- endif %}

select store_id, item_id, tracked_since, from_date, last_date
from spans
where from_date <= last_date
{%- endmacro %}

{#- Whether a store trades at a local time, HH:MM; `domain/opening_hours.py` says the same. Hours end on
    the day they begin on: master data that say otherwise are refused. -#}
{% macro is_trading(clock, opens_at, closes_at) -%}
({{ clock }} >= {{ opens_at }} and {{ clock }} < {{ closes_at }})
{%- endmacro %}

{#- The instant of a day at which a store's clock shows HH:MM. -#}
{% macro clock_ts(day, clock, zone) -%}
((
    cast({{ day }} as timestamp)
    + to_minutes(60 * cast(split_part({{ clock }}, ':', 1) as integer) + cast(split_part({{ clock }}, ':', 2) as integer))
) at time zone {{ zone }})
{%- endmacro %}

{#- Microseconds that two spans of time have in common. -#}
{% macro common_us(begin_a, end_a, begin_b, end_b) -%}
greatest(epoch_us(least({{ end_a }}, {{ end_b }})) - epoch_us(greatest({{ begin_a }}, {{ begin_b }})), 0)
{%- endmacro %}

{#- Microseconds as whole minutes. -#}
{% macro whole_minutes(microseconds) -%}
cast(round(coalesce({{ microseconds }}, 0) / 60000000) as integer)
{%- endmacro %}

{#- The class that a number of pieces on the shelf falls into; the classes exclude each other. -#}
{% macro stock_status(on_hand) -%}
case
        when {{ on_hand }} <= 0 then 'OUT'
        when {{ on_hand }} <= safety_stock then 'CRITICAL'
        when {{ on_hand }} <= reorder_point then 'LOW'
        when {{ on_hand }} > max_stock then 'OVERSTOCK'
        else 'NORMAL'
    end
{%- endmacro %}

{#- The last whole business days that stock is looked back on. -#}
{% macro inventory_periods() -%}
unnest([30, 90, 365])
{%- endmacro %}

{#- Sums by store or ALL, category or ALL, item or ALL; money of two currencies is never added up. -#}
{% macro stock_scopes() -%}
case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        case grouping(category) when 1 then 'ALL' else category end as category,
        case grouping(item_id) when 1 then 'ALL' else item_id end as item_id
{%- endmacro %}

{#- The cells of them. -#}
{% macro stock_scope_sets() -%}
grouping sets (
        (period_days, currency, store_id, category, item_id),
        (period_days, currency, store_id, category),
        (period_days, currency, store_id),
        (period_days, currency, category, item_id),
        (period_days, currency, category),
        (period_days, currency)
    )
{%- endmacro %}
