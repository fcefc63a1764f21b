{{ config(materialized='table') }}

{#- Expired lots: to be thrown away, asked for, and thrown away. -#}

with asked as (
    select
        commands.command_id,
        commands.store_id,
        commands.item_id,
        commands.location,
        commands.batch_code,
        commands.expiry_date,
        commands.issued_ts,
        reports.removed_qty,
        reports.removed_ts
    from {{ ref('issued_commands') }} as commands
    left join {{ removal_answers() }} as reports on commands.command_id = reports.command_id
    where commands.command_type = 'removal'
),

together as (
    select
        plan_id, store_id, shelf_id, location, batch_code, expiry_date,
        'pending' as status,
        expected_qty,
        cast(null as bigint) as removed_qty,
        created_ts,
        cast(null as {{ timestamp_type() }}) as completed_ts
    from {{ ref('removals_due') }}
    union all
    select
        asked.command_id as plan_id, asked.store_id, asked.item_id as shelf_id, asked.location, asked.batch_code, asked.expiry_date,
        case when asked.removed_ts is null then 'issued' else 'completed' end as status,
        coalesce(asked.removed_qty, 0) + greatest(coalesce(left_over.qty, 0), 0) as expected_qty,
        cast(asked.removed_qty as bigint) as removed_qty,
        asked.issued_ts as created_ts,
        asked.removed_ts as completed_ts
    from asked
    left join {{ ref('lot_balances') }} as left_over
        on asked.store_id = left_over.store_id
        and asked.item_id = left_over.item_id
        and asked.batch_code = left_over.batch_code
        and asked.location = left_over.place
)

select
    together.plan_id,
    together.store_id,
    together.shelf_id,
    items.category,
    items.subcategory,
    together.location,
    together.batch_code,
    together.expiry_date,
    together.status,
    cast(together.expected_qty as bigint) as expected_qty,
    together.removed_qty,
    cast(coalesce(together.removed_qty, 0) * items.list_price as decimal(18, 2)) as wasted_value,
    together.created_ts,
    together.completed_ts
from together
inner join {{ ref('stg_items') }} as items on together.shelf_id = items.item_id
