{{ config(materialized='table') }}

with waste as (
    select
        movements.store_id,
        cast({{ to_local('movements.event_ts', 'stores.timezone') }} as date) as business_date,
        items.category,
        -sum(movements.qty_signed) as wasted_units,
        -sum(movements.qty_signed * items.list_price) as wasted_value
    from {{ ref('stock_movements') }} as movements
    inner join {{ ref('stg_stores') }} as stores on movements.store_id = stores.store_id
    inner join {{ ref('stg_items') }} as items on movements.item_id = items.item_id
    where movements.movement_type = 'REMOVAL'
    group by 1, 2, 3
),

marked_down as (
    select
        lines.store_id,
        lines.business_date,
        items.category,
        sum(lines.qty) as units,
        sum(lines.net) as net,
        -- What the markdown took off the price that the weekly promotion had left.
        sum(lines.net * commands.discount / (1 - commands.discount)) as cost
    from {{ ref('sales_lines') }} as lines
    inner join {{ ref('issued_commands') }} as commands
        on lines.store_id = commands.store_id
        and lines.item_id = commands.item_id
        and lines.batch_code = commands.batch_code
        and lines.event_ts >= commands.valid_from_ts
        and lines.event_ts < commands.valid_to_ts
    inner join {{ ref('stg_items') }} as items on lines.item_id = items.item_id
    where commands.command_type = 'markdown'
        and lines.event_type = 'SALE'
        and lines.discount >= commands.discount
    group by 1, 2, 3
)

select
    coalesce(waste.store_id, marked_down.store_id) as store_id,
    coalesce(waste.business_date, marked_down.business_date) as business_date,
    coalesce(waste.category, marked_down.category) as category,
    cast(coalesce(waste.wasted_units, 0) as bigint) as wasted_units,
    cast(coalesce(waste.wasted_value, 0) as decimal(18, 2)) as wasted_value,
    cast(coalesce(marked_down.units, 0) as bigint) as marked_down_units,
    cast(coalesce(marked_down.net, 0) as decimal(18, 2)) as marked_down_net,
    cast(coalesce(marked_down.cost, 0) as decimal(18, 2)) as markdown_cost
from waste
full outer join marked_down
    on waste.store_id = marked_down.store_id
    and waste.business_date = marked_down.business_date
    and waste.category = marked_down.category
