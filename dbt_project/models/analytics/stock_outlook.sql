{{ config(materialized='table') }}

{#- What planning knows of an item: its stock, how it sold, what it costs, and until when the goods
    of the next order have to last. -#}
with stores as (
    select
        store_id,
        timezone,
        opens_at,
        closes_at,
        cast({{ to_local(as_of(), 'timezone') }} as date) as today
    from {{ ref('dim_store') }}
),

-- Hours of trade in the last hour, day and week.
days as (
    select
        *,
        cast(unnest(generate_series({{ add_days('today', -8) }}, today, interval 1 day)) as date) as date_key
    from stores
),

hours as (
    select
        store_id
        {%- for name, span in [('1h', '1 hour'), ('24h', '24 hours'), ('7d', '7 days')] %},
        sum({{ common_us(
            clock_ts('date_key', 'opens_at', 'timezone'), clock_ts('date_key', 'closes_at', 'timezone'),
            as_of() ~ " - interval '" ~ span ~ "'", as_of()
        ) }}) / 3600000000 as hours_{{ name }}
        {%- endfor %}
    from days
    group by store_id
),

sold as (
    select
        store_id,
        item_id
        {%- for name, span in [('1h', '1 hour'), ('24h', '24 hours'), ('7d', '7 days')] %},
        sum(quantity) filter (where transaction_time >= {{ as_of() }} - interval '{{ span }}') as units_{{ name }}
        {%- endfor %}
    from {{ ref('fact_sales') }}
    where event_type = 'SALE'
        and transaction_time >= {{ as_of() }} - interval '7 days'
        and transaction_time < {{ as_of() }}
    group by store_id, item_id
),

-- Of days on which the shelf was empty for long, nobody knows what would have sold.
history as (
    select
        demand.store_id,
        demand.item_id,
        count(*) as history_days,
        sum(demand.units) as units_28d,
        {{ ratio('sum(demand.units)', 'greatest(sum(1 - demand.lost_share), 1)') }} as mean_daily,
        var_samp(demand.units / (1 - demand.lost_share)) filter (where demand.lost_share <= 0.5) as var_daily
    from {{ ref('demand_history') }} as demand
    inner join stores on demand.store_id = stores.store_id
    where demand.is_closed
        and demand.business_date >= {{ add_days('stores.today', -28) }}
    group by demand.store_id, demand.item_id
),

rounds as (
    select
        store_id,
        min_by(delivery_ts, cutoff_ts) as delivery_ts,
        min_by(covers_until_ts, cutoff_ts) as covers_until_ts
    from {{ ref('supplier_cutoffs') }}
    where status in ('due', 'next')
        -- Of rounds that nobody closed, goods would have come long ago.
        and delivery_ts > {{ as_of() }}
    group by store_id
)

select
    stock.store_id,
    stock.item_id,
    stock.category,
    stock.currency,
    cast(stock.quantity_on_hand + stock.wh_on_hand as bigint) as on_hand,
    cast(stock.on_order as bigint) as on_order,
    cast(stock.inventory_position as bigint) as inventory_position,
    {% for name in ['1h', '24h', '7d'] -%}
    {{ ratio('coalesce(sold.units_' ~ name ~ ', 0)', 'hours.hours_' ~ name) }} as velocity_{{ name }},
    {% endfor -%}
    cast(coalesce(history.history_days, 0) as integer) as history_days,
    cast(coalesce(history.units_28d, 0) as bigint) as units_28d,
    coalesce(history.mean_daily, 0) as mean_daily,
    -- Of less than two days, that of chance alone.
    coalesce(history.var_daily, history.mean_daily, 0) as var_daily,
    cast(positions.list_price as double) as list_price,
    cast(stock.unit_cost as double) as unit_cost,
    positions.batch_size as pack_size,
    positions.life_days,
    cast(positions.shelf_capacity + positions.warehouse_capacity as bigint) as capacity_qty,
    classes.abc_class,
    classes.demand_class,
    rounds.delivery_ts,
    rounds.covers_until_ts
from {{ ref('current_inventory') }} as stock
inner join {{ ref('supplier_positions') }} as positions
    on stock.store_id = positions.store_id and stock.item_id = positions.shelf_id
inner join rounds on stock.store_id = rounds.store_id
inner join hours on stock.store_id = hours.store_id
left join sold on stock.store_id = sold.store_id and stock.item_id = sold.item_id
left join history on stock.store_id = history.store_id and stock.item_id = history.item_id
left join {{ ref('item_classification') }} as classes
    on stock.store_id = classes.store_id
    and stock.item_id = classes.item_id
    and stock.currency = classes.currency
