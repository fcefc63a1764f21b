{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'store_id', 'item_id'],
) }}

{#- The books of stock, closed every night: what was there, what came and went, how much there was on
    average, and for how long there was nothing. The quantities of a day follow from its movements;
    the averages from the levels between them. -#}
{#- Looked at by increments only. -#}
{%- set stock_seen = seen_up_to('stock_seq') -%}
{%- set orders_seen = seen_up_to('orders_seq') -%}
{%- set checks_seen = seen_up_to('checks_seq') -%}
{%- set spans = inventory_spans(stock_seen, orders_seen, checks_seen) -%}
{%- set first_date = first_date_of(spans) -%}
{%- set first_ts = first_ts_of(first_date) %}

with spans as (
    {{ spans }}
),

item_days as (
    select
        store_id,
        item_id,
        cast(unnest(generate_series(from_date, last_date, interval 1 day)) as date) as date_key
    from spans
),

-- When each day of a store begins, opens, closes and ends; nothing ends after as_of.
store_days as (
    select
        dated.store_id,
        dated.date_key,
        {{ day_start('dated.date_key', 'stores.timezone') }} as begin_ts,
        least({{ day_start(add_days('dated.date_key', 1), 'stores.timezone') }}, {{ as_of() }}) as end_ts,
        least({{ clock_ts('dated.date_key', 'stores.opens_at', 'stores.timezone') }}, {{ as_of() }}) as opens_ts,
        least({{ clock_ts('dated.date_key', 'stores.closes_at', 'stores.timezone') }}, {{ as_of() }}) as closes_ts,
        -- The books of a day hold what came before; of the last one, what came with as_of too.
        least(
            {{ day_start(add_days('dated.date_key', 1), 'stores.timezone') }}, {{ as_of() }} + interval 1 microsecond
        ) as known_ts,
        {{ day_start(add_days('dated.date_key', 1), 'stores.timezone') }} <= {{ as_of() }} as is_closed,
        stores.timezone,
        stores.currency
    from (select distinct store_id, date_key from item_days) as dated
    inner join {{ ref('dim_store') }} as stores on dated.store_id = stores.store_id
),

-- How the books stood when the first of the days began.
{% if is_incremental() -%}
before as (
    select
        known.store_id,
        known.item_id,
        known.last_updated,
        known.closing_qty,
        known.wh_on_hand_qty,
        known.unreconciled_qty
    from {{ this }} as known
    inner join spans
        on known.store_id = spans.store_id
        and known.item_id = spans.item_id
        and known.date_key = {{ add_days('spans.from_date', -1) }}
),
{%- else -%}
before as (
    select
        store_id,
        item_id,
        tracked_since as last_updated,
        0 as closing_qty,
        0 as wh_on_hand_qty,
        0 as unreconciled_qty
    from spans
    where 1 = 0
),
{%- endif %}

moved as (
    select
        movements.*,
        cast({{ to_local('movements.event_ts', 'stores.timezone') }} as date) as date_key
    from {{ ref('stock_movements') }} as movements
    inner join {{ ref('dim_store') }} as stores on movements.store_id = stores.store_id
    where movements.event_ts >= {{ first_ts }}
        and movements.event_ts <= {{ as_of() }}
),

changes as (
    select
        store_id,
        item_id,
        date_key,
        sum(qty_signed) filter (where location = 'shelf') as shelf_net,
        sum(qty_signed) filter (where location = 'shelf' and movement_type = 'OPENING') as received_qty,
        sum(qty_signed) filter (where location = 'shelf' and movement_type = 'SHELF_IN') as shelf_in_qty,
        -sum(qty_signed) filter (where location = 'shelf' and movement_type = 'PICKUP') as sold_qty,
        sum(qty_signed) filter (where location = 'shelf' and movement_type = 'PUTBACK') as returned_qty,
        sum(qty_signed) filter (where location = 'shelf' and movement_type = 'COUNT') as adjusted_qty,
        -sum(qty_signed) filter (where location = 'shelf' and movement_type = 'REMOVAL') as wasted_qty,
        sum(qty_signed) filter (where location = 'warehouse') as wh_net,
        sum(qty_signed) filter (where location = 'warehouse' and movement_type in ('OPENING', 'WH_IN')) as wh_in_qty,
        -sum(qty_signed) filter (
            where location = 'warehouse' and movement_type in ('WH_OUT', 'RESTOCK_RETURN')
        ) as wh_out_qty,
        sum(qty_signed) filter (where location = 'warehouse' and movement_type = 'COUNT') as wh_adjusted_qty,
        -sum(qty_signed) filter (where location = 'warehouse' and movement_type = 'REMOVAL') as wh_wasted_qty,
        sum(qty_signed) filter (where location = 'cart') as cart_net,
        max(event_ts) filter (where location in ('shelf', 'warehouse')) as last_updated
    from moved
    group by store_id, item_id, date_key
),

books as (
    select
        item_days.date_key,
        item_days.store_id,
        item_days.item_id,
        {% for name in [
            'shelf_net', 'received_qty', 'shelf_in_qty', 'sold_qty', 'returned_qty', 'adjusted_qty',
            'wasted_qty', 'wh_net', 'wh_in_qty', 'wh_out_qty', 'wh_adjusted_qty', 'wh_wasted_qty',
        ] -%}
        coalesce(changes.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        coalesce(before.closing_qty, 0) + sum(coalesce(changes.shelf_net, 0)) over days as closing_qty,
        coalesce(before.wh_on_hand_qty, 0) + sum(coalesce(changes.wh_net, 0)) over days as wh_on_hand_qty,
        coalesce(before.unreconciled_qty, 0) + sum(coalesce(changes.cart_net, 0)) over days as unreconciled_qty,
        greatest(before.last_updated, max(changes.last_updated) over days) as last_updated
    from item_days
    left join changes
        on item_days.store_id = changes.store_id
        and item_days.item_id = changes.item_id
        and item_days.date_key = changes.date_key
    left join before on item_days.store_id = before.store_id and item_days.item_id = before.item_id
    window days as (
        partition by item_days.store_id, item_days.item_id order by item_days.date_key
        rows between unbounded preceding and current row
    )
),

starts as (
    select
        spans.store_id,
        spans.item_id,
        greatest(store_days.begin_ts, spans.tracked_since) as start_ts,
        coalesce(before.closing_qty, 0) as shelf_stock,
        coalesce(before.wh_on_hand_qty, 0) as wh_stock
    from spans
    inner join store_days on spans.store_id = store_days.store_id and spans.from_date = store_days.date_key
    left join before on spans.store_id = before.store_id and spans.item_id = before.item_id
),

-- A movement at the very start supersedes what was there before it.
levels as (
    select store_id, item_id, 'shelf' as location, start_ts as event_ts, 0 as step, shelf_stock as stock
    from starts
    union all
    select store_id, item_id, 'warehouse' as location, start_ts as event_ts, 0 as step, wh_stock as stock
    from starts
    union all
    select levels.store_id, levels.item_id, levels.location, levels.event_ts, 1 as step, levels.stock
    from {{ ref('stock_levels') }} as levels
    inner join starts
        on levels.store_id = starts.store_id
        and levels.item_id = starts.item_id
        and levels.event_ts >= starts.start_ts
    where levels.event_ts >= {{ first_ts }}
        and levels.event_ts < {{ as_of() }}
),

stretches as (
    select
        store_id,
        item_id,
        location,
        stock,
        event_ts as from_ts,
        coalesce(
            lead(event_ts) over (partition by store_id, item_id, location order by event_ts, step), {{ as_of() }}
        ) as until_ts
    from levels
),

stretch_days as (
    select
        stretches.*,
        cast(unnest(generate_series(
            cast({{ to_local('stretches.from_ts', 'stores.timezone') }} as date),
            cast({{ to_local('(stretches.until_ts - interval 1 microsecond)', 'stores.timezone') }} as date),
            interval 1 day
        )) as date) as date_key
    from stretches
    inner join {{ ref('dim_store') }} as stores on stretches.store_id = stores.store_id
    where stretches.from_ts < stretches.until_ts
),

lasted as (
    select
        stretch_days.store_id,
        stretch_days.item_id,
        stretch_days.date_key,
        stretch_days.location,
        stretch_days.stock,
        {{ common_us('stretch_days.from_ts', 'stretch_days.until_ts', 'days.begin_ts', 'days.end_ts') }} as all_us,
        {{ common_us('stretch_days.from_ts', 'stretch_days.until_ts', 'days.opens_ts', 'days.closes_ts') }} as open_us
    from stretch_days
    inner join store_days as days
        on stretch_days.store_id = days.store_id and stretch_days.date_key = days.date_key
),

-- Books below 0 count as nothing there.
averages as (
    select
        store_id,
        item_id,
        date_key,
        sum(all_us) filter (where location = 'shelf') as tracked_us,
        sum(open_us) filter (where location = 'shelf') as open_us,
        sum(all_us) filter (where location = 'shelf' and stock <= 0) as oos_all_us,
        sum(open_us) filter (where location = 'shelf' and stock <= 0) as oos_open_us,
        sum(greatest(stock, 0) * all_us) filter (where location = 'shelf') as shelf_qty_us,
        sum(greatest(stock, 0) * all_us) filter (where location = 'warehouse') as wh_qty_us,
        min(stock) filter (where location = 'shelf') as min_qty,
        max(stock) filter (where location = 'shelf') as max_qty
    from lasted
    group by store_id, item_id, date_key
),

checks as (
    select command_id, max(checked_ts) as checked_ts
    from {{ ref('delivery_checks') }}
    group by command_id
    having bool_or(is_final)
),

-- An order is open until staff have closed its delivery.
order_days as (
    select
        orders.command_id,
        orders.store_id,
        orders.item_id,
        orders.qty,
        orders.issued_ts,
        checks.checked_ts,
        cast(unnest(generate_series(
            greatest(spans.from_date, cast({{ to_local('orders.issued_ts', 'stores.timezone') }} as date)),
            least(spans.last_date, cast({{ to_local('checks.checked_ts', 'stores.timezone') }} as date)),
            interval 1 day
        )) as date) as date_key
    from {{ ref('issued_commands') }} as orders
    inner join spans on orders.store_id = spans.store_id and orders.item_id = spans.item_id
    inner join {{ ref('dim_store') }} as stores on orders.store_id = stores.store_id
    left join checks on orders.command_id = checks.command_id
    where orders.command_type = 'supplier_order'
),

open_orders as (
    select
        order_days.*,
        days.known_ts
    from order_days
    inner join store_days as days
        on order_days.store_id = days.store_id
        and order_days.date_key = days.date_key
        and order_days.issued_ts < days.known_ts
        and coalesce(order_days.checked_ts >= days.known_ts, true)
),

arrived as (
    select open_orders.command_id, open_orders.date_key, sum(movements.qty_signed) as qty
    from open_orders
    inner join {{ ref('stock_movements') }} as movements
        on open_orders.command_id = movements.ref_id
        and movements.movement_type = 'WH_IN'
        and movements.event_ts < open_orders.known_ts
    group by open_orders.command_id, open_orders.date_key
),

on_order as (
    select
        open_orders.store_id,
        open_orders.item_id,
        open_orders.date_key,
        sum(greatest(open_orders.qty - coalesce(arrived.qty, 0), 0)) as qty
    from open_orders
    left join arrived
        on open_orders.command_id = arrived.command_id and open_orders.date_key = arrived.date_key
    group by open_orders.store_id, open_orders.item_id, open_orders.date_key
),

lots as (
    select
        balances.store_id,
        balances.item_id,
        balances.batch_code,
        any_value(arrivals.expiry_date) as expiry_date,
        sum(balances.qty) as qty,
        greatest(
            any_value(spans.from_date),
            {{ add_days('any_value(arrivals.expiry_date)', -7) }},
            cast({{ to_local('any_value(arrivals.first_in_ts)', 'any_value(stores.timezone)') }} as date)
        ) as from_date,
        any_value(spans.last_date) as last_date
    from {{ ref('lot_balances') }} as balances
    inner join spans on balances.store_id = spans.store_id and balances.item_id = spans.item_id
    inner join {{ ref('dim_store') }} as stores on balances.store_id = stores.store_id
    inner join {{ ref('lots') }} as arrivals
        on balances.store_id = arrivals.store_id
        and balances.item_id = arrivals.item_id
        and balances.batch_code = arrivals.batch_code
    where balances.place in ('shelf', 'warehouse')
    group by balances.store_id, balances.item_id, balances.batch_code
    -- What was gone before the first of the days stays gone.
    having sum(balances.qty) <> 0 or max(balances.last_event_ts) >= {{ first_ts }}
),

lot_changes as (
    select
        movements.store_id,
        movements.item_id,
        movements.batch_code,
        cast({{ to_local('movements.event_ts', 'stores.timezone') }} as date) as date_key,
        sum(movements.qty_signed) as qty,
        sum(movements.qty_signed) filter (where movements.event_ts <= {{ as_of() }}) as qty_by_now
    from {{ ref('stock_movements') }} as movements
    inner join {{ ref('dim_store') }} as stores on movements.store_id = stores.store_id
    where movements.event_ts >= {{ first_ts }}
        and movements.batch_code is not null
        and movements.location <> 'transit'
        and movements.movement_type not in ('PICKUP', 'PUTBACK')
    group by 1, 2, 3, 4
),

-- Backwards from how the lots stand now.
lot_starts as (
    select
        lots.store_id,
        lots.item_id,
        lots.batch_code,
        lots.expiry_date,
        lots.from_date,
        lots.last_date,
        any_value(lots.qty) - coalesce(sum(changes.qty), 0) as qty
    from lots
    left join lot_changes as changes
        on lots.store_id = changes.store_id
        and lots.item_id = changes.item_id
        and lots.batch_code = changes.batch_code
        and lots.from_date <= changes.date_key
    where lots.from_date <= lots.last_date
    group by all
),

lot_days as (
    select
        *,
        cast(unnest(generate_series(from_date, last_date, interval 1 day)) as date) as date_key
    from lot_starts
),

lot_books as (
    select
        lot_days.store_id,
        lot_days.item_id,
        lot_days.date_key,
        lot_days.expiry_date,
        lot_days.qty + sum(coalesce(changes.qty_by_now, 0)) over (
            partition by lot_days.store_id, lot_days.item_id, lot_days.batch_code order by lot_days.date_key
            rows between unbounded preceding and current row
        ) as qty
    from lot_days
    left join lot_changes as changes
        on lot_days.store_id = changes.store_id
        and lot_days.item_id = changes.item_id
        and lot_days.batch_code = changes.batch_code
        and lot_days.date_key = changes.date_key
),

ageing as (
    select
        store_id,
        item_id,
        date_key,
        sum(qty) filter (where expiry_date >= date_key) as qty_expiring_7d,
        sum(qty) filter (where expiry_date < date_key) as qty_expired
    from lot_books
    where qty > 0
    group by store_id, item_id, date_key
),

judged as (
    select
        books.*,
        store_days.is_closed,
        store_days.end_ts,
        store_days.currency,
        -- A policy calls a shelf low strictly below its bound.
        case
            when thresholds.item_id is null then {{ var('inventory_reorder_point') }}
            else greatest(thresholds.low_below_qty - 1, 0)
        end as reorder_point,
        case
            when thresholds.item_id is null then {{ var('inventory_safety_stock') }}
            else greatest(thresholds.low_below_qty - 1, 0) // 2
        end as safety_stock,
        coalesce(thresholds.capacity, {{ var('inventory_max_stock') }}) as max_stock
    from books
    inner join store_days on books.store_id = store_days.store_id and books.date_key = store_days.date_key
    left join {{ ref('stock_thresholds') }} as thresholds
        on books.store_id = thresholds.store_id
        and books.item_id = thresholds.item_id
        and thresholds.location = 'shelf'
        and store_days.end_ts > thresholds.valid_from_ts
        and store_days.end_ts <= thresholds.valid_to_ts
)

select
    judged.date_key,
    {{ surrogate_key('judged.store_id') }} as store_key,
    products.product_key,
    judged.store_id,
    judged.item_id,
    products.category,
    judged.currency,
    cast(judged.closing_qty - judged.shelf_net as integer) as opening_qty,
    cast(judged.received_qty as integer) as received_qty,
    cast(judged.shelf_in_qty as integer) as shelf_in_qty,
    cast(judged.sold_qty as integer) as sold_qty,
    cast(judged.returned_qty as integer) as returned_qty,
    cast(judged.adjusted_qty as integer) as adjusted_qty,
    cast(judged.wasted_qty as integer) as wasted_qty,
    cast(judged.closing_qty as integer) as closing_qty,
    cast(judged.wh_on_hand_qty - judged.wh_net as integer) as wh_opening_qty,
    cast(judged.wh_in_qty as integer) as wh_in_qty,
    cast(judged.wh_out_qty as integer) as wh_out_qty,
    cast(judged.wh_adjusted_qty as integer) as wh_adjusted_qty,
    cast(judged.wh_wasted_qty as integer) as wh_wasted_qty,
    cast(judged.wh_on_hand_qty as integer) as wh_on_hand_qty,
    cast(coalesce(on_order.qty, 0) as integer) as on_order_qty,
    cast(judged.closing_qty + judged.wh_on_hand_qty + coalesce(on_order.qty, 0) as integer) as inventory_position,
    {{ ratio('averages.shelf_qty_us', 'averages.tracked_us') }} as tw_avg_qty,
    {{ ratio('averages.wh_qty_us', 'averages.tracked_us') }} as wh_tw_avg_qty,
    cast(averages.min_qty as integer) as min_qty,
    cast(averages.max_qty as integer) as max_qty,
    {{ whole_minutes('averages.oos_open_us') }} as oos_minutes,
    {{ whole_minutes('averages.open_us') }} as open_minutes,
    {{ whole_minutes('averages.oos_all_us') }} as oos_all_minutes,
    {{ whole_minutes('averages.tracked_us') }} as tracked_minutes,
    products.unit_cost,
    cast(round(greatest(judged.closing_qty, 0) * products.unit_cost, 2) as decimal(18, 2)) as closing_value,
    cast(judged.reorder_point as integer) as reorder_point,
    cast(judged.safety_stock as integer) as safety_stock,
    cast(judged.max_stock as integer) as max_stock,
    {{ stock_status('judged.closing_qty') }} as stock_status,
    cast(coalesce(ageing.qty_expiring_7d, 0) as integer) as qty_expiring_7d,
    cast(coalesce(ageing.qty_expired, 0) as integer) as qty_expired,
    cast(judged.unreconciled_qty as integer) as unreconciled_qty,
    judged.last_updated,
    judged.is_closed,
    cast(coalesce((select max(load_seq) from {{ ref('stock_movements') }}), 0) as bigint) as stock_seq,
    cast(coalesce((select max(ingest_batch) from {{ ref('issued_commands') }}), 0) as bigint) as orders_seq,
    cast(coalesce((select max(ingest_batch) from {{ ref('delivery_checks') }}), 0) as bigint) as checks_seq,
    cast({{ next_load() }} as bigint) as load_seq
from judged
inner join {{ ref('dim_product') }} as products
    on judged.item_id = products.item_id
    and judged.end_ts > products.valid_from
    and (products.valid_to is null or judged.end_ts <= products.valid_to)
inner join averages
    on judged.store_id = averages.store_id
    and judged.item_id = averages.item_id
    and judged.date_key = averages.date_key
left join on_order
    on judged.store_id = on_order.store_id
    and judged.item_id = on_order.item_id
    and judged.date_key = on_order.date_key
left join ageing
    on judged.store_id = ageing.store_id
    and judged.item_id = ageing.item_id
    and judged.date_key = ageing.date_key
