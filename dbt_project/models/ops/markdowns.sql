{{ config(materialized='table') }}

{#- Lots on the shelf that expire today or tomorrow get a lower price until the day ends: one price
    a day, by the ladder, whatever the day before was. -#}

with today as (
    select
        store_id,
        timezone,
        cast({{ to_local(as_of(), 'timezone') }} as date) as business_date
    from {{ ref('stg_stores') }}
    where stock_tracking = 'sensors'
),

called_for as (
    select
        {{ uuid5("concat('markdown:', lots.store_id, ':', lots.shelf_id, ':', lots.batch_code, ':', cast(today.business_date as " ~ string_type() ~ "))") }} as plan_id,
        lots.store_id,
        lots.shelf_id as item_id,
        lots.batch_code,
        lots.expiry_date,
        cast(ladder.discount as decimal(9, 6)) as discount,
        {{ as_of() }} as valid_from_ts,
        {{ day_start(add_days('today.business_date', 1), 'today.timezone') }} as valid_to_ts
    from {{ ref('shelf_batch_state') }} as lots
    inner join today on lots.store_id = today.store_id
    inner join {{ ref('markdown_ladder') }} as ladder on lots.days_to_expiry = ladder.days_to_expiry
    where lots.batch_quantity_store > 0
),

pending as (
    select called_for.*
    from called_for
    left join {{ ref('issued_commands') }} as issued on called_for.plan_id = issued.command_id
    where issued.command_id is null
),

sold as (
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
        plan_id, store_id, item_id, batch_code, discount, valid_from_ts, valid_to_ts,
        'pending' as status,
        cast(0 as bigint) as sold_qty,
        cast(0 as decimal(18, 2)) as sold_net,
        valid_from_ts as created_ts
    from pending
    union all
    select
        plan_id, store_id, item_id, batch_code, discount, valid_from_ts, valid_to_ts,
        case when {{ as_of() }} < valid_to_ts then 'active' else 'ended' end as status,
        cast(sold_qty as bigint) as sold_qty,
        cast(sold_net as decimal(18, 2)) as sold_net,
        issued_ts as created_ts
    from issued
)

select
    together.plan_id,
    together.store_id,
    together.item_id as shelf_id,
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
inner join {{ ref('stg_items') }} as items on together.item_id = items.item_id
left join {{ ref('lots') }} as lots
    on together.store_id = lots.store_id and together.item_id = lots.item_id and together.batch_code = lots.batch_code
