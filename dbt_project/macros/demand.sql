{#- Which days of which item the demand history has to be told for, in one row per item: all its days
    at first; then those that are new or were not over, and from the first day on that something has
    come for its store. A late sale moves the hours that the days after it are weighed by, so no day
    after it stays as it is.

    Items of a store that keeps stock begin on its opening day, others with their first sale. Of a
    store that keeps none, nobody says that it has closed: after so many days without a sale its days
    end. -#}
{% macro demand_spans(sales_seen, stock_seen) -%}
with stores as (
    select
        store_id,
        timezone,
        stock_tracking,
        cast({{ to_local('opened_ts', 'timezone') }} as date) as opened_date,
        cast({{ to_local(as_of(), 'timezone') }} as date) as today
    from {{ ref('stg_stores') }}
),

sold as (
    select
        lines.store_id,
        lines.item_id,
        min(lines.business_date) as first_date,
        max(max(lines.business_date)) over (partition by lines.store_id) as last_date
    from {{ ref('sales_lines') }} as lines
    inner join stores on lines.store_id = stores.store_id and stores.stock_tracking = 'none'
    where lines.event_type = 'SALE' and lines.is_merchandise
    group by lines.store_id, lines.item_id
),

items as (
    select
        stores.store_id,
        store_items.item_id,
        stores.opened_date as first_date,
        stores.today as last_date
    from {{ ref('stg_store_items') }} as store_items
    inner join stores on store_items.store_id = stores.store_id
    where stores.stock_tracking <> 'none'
    union all
    select
        sold.store_id,
        sold.item_id,
        sold.first_date,
        least(stores.today, {{ add_days('sold.last_date', var('silent_store_days')) }}) as last_date
    from sold
    inner join stores on sold.store_id = stores.store_id
)
{%- if is_incremental() %},

told as (
    {{ next_dates('business_date') }}
),

arrivals as (
    select store_id, min(business_date) as first_date
    from {{ ref('sales_lines') }}
    where event_type = 'SALE' and load_seq > {{ sales_seen }}
    group by store_id
    union all
    select
        movements.store_id,
        min(cast({{ to_local('movements.event_ts', 'stores.timezone') }} as date)) as first_date
    from {{ ref('stock_movements') }} as movements
    inner join stores on movements.store_id = stores.store_id
    where movements.location = 'shelf' and movements.load_seq > {{ stock_seen }}
    group by movements.store_id
),

touched as (
    select store_id, min(first_date) as first_date
    from arrivals
    group by store_id
),

spans as (
    select
        items.store_id,
        items.item_id,
        greatest(
            items.first_date,
            least(coalesce(told.next_date, items.first_date), coalesce(touched.first_date, items.last_date))
        ) as from_date,
        items.last_date
    from items
    left join told on items.store_id = told.store_id and items.item_id = told.item_id
    left join touched on items.store_id = touched.store_id
)
{%- else %},

spans as (
    select store_id, item_id, first_date as from_date, last_date
    from items
)
{%- endif %}

select store_id, item_id, from_date, last_date
from spans
where from_date <= last_date
{%- endmacro %}

{#- Hours from the beginning of a local day to a local time, 0 to 24. -#}
{% macro hours_into(day, local_ts) -%}
least(greatest(({{ epoch_us(local_ts) }} - {{ epoch_us('cast(' ~ day ~ ' as timestamp)') }}) / cast(3600000000 as double), 0), 24)
{%- endmacro %}

{#- The hour of a day that a number of hours falls into; the end of the day belongs to its last. -#}
{% macro hour_of(hours) -%}
cast(least(floor({{ hours }}), 23) as integer)
{%- endmacro %}
