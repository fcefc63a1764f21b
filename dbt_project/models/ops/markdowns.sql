{{ config(materialized='table') }}

{#- Lower prices for lots that are about to expire: planned, in force and past, and what they sold. -#}

with sold as (
    select
        lines.store_id,
        lines.item_id,
        lines.batch_code,
        lines.event_ts,
        lines.qty,
        lines.net
    from {{ ref('sales_lines') }} as lines
    where lines.event_type = 'SALE'
        and lines.discount > 0
),

issued as (
    select
        commands.command_id as plan_id,
        commands.store_id,
        commands.item_id,
        commands.batch_code,
        commands.discount,
        commands.valid_from_ts,
        commands.valid_to_ts,
        commands.issued_ts,
        sum(coalesce(sold.qty, 0)) as sold_qty,
        sum(coalesce(sold.net, 0)) as sold_net
    from {{ ref('issued_commands') }} as commands
    left join sold
        on commands.store_id = sold.store_id
        and commands.item_id = sold.item_id
        and commands.batch_code = sold.batch_code
        and sold.event_ts >= commands.valid_from_ts
        and sold.event_ts < commands.valid_to_ts
    where commands.command_type = 'markdown'
    group by 1, 2, 3, 4, 5, 6, 7, 8
),

together as (
    select
        plan_id, store_id, shelf_id, batch_code, discount, valid_from_ts, valid_to_ts,
        'pending' as status,
        cast(0 as bigint) as sold_qty,
        cast(0 as decimal(18, 2)) as sold_net,
        created_ts
    from {{ ref('markdowns_due') }}
    union all
    select
        plan_id, store_id, item_id as shelf_id, batch_code, discount, valid_from_ts, valid_to_ts,
        case when {{ as_of() }} < valid_to_ts then 'active' else 'ended' end as status,
        cast(sold_qty as bigint) as sold_qty,
        cast(sold_net as decimal(18, 2)) as sold_net,
        issued_ts as created_ts
    from issued
)

select
    together.plan_id,
    together.store_id,
    together.shelf_id,
    items.category,
    items.subcategory,
    together.batch_code,
    lots.expiry_date,
    together.discount,
    together.valid_from_ts,
    together.valid_to_ts,
    together.status,
    together.sold_qty,
    together.sold_net,
    together.created_ts
from together
inner join {{ ref('stg_items') }} as items on together.shelf_id = items.item_id
left join {{ ref('lots') }} as lots
    on together.store_id = lots.store_id and together.shelf_id = lots.item_id and together.batch_code = lots.batch_code
