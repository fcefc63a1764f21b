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
        lots.shelf_id,
        lots.batch_code,
        lots.expiry_date,
        cast(ladder.discount as decimal(9, 6)) as discount,
        {{ as_of() }} as valid_from_ts,
        {{ day_start(add_days('today.business_date', 1), 'today.timezone') }} as valid_to_ts
    from {{ ref('shelf_batch_state') }} as lots
    inner join today on lots.store_id = today.store_id
    inner join {{ ref('markdown_ladder') }} as ladder on lots.days_to_expiry = ladder.days_to_expiry
    where lots.batch_quantity_store > 0
)

select
    called_for.*,
    called_for.valid_from_ts as created_ts
from called_for
left join {{ ref('issued_commands') }} as issued on called_for.plan_id = issued.command_id
where issued.command_id is null
