{{ config(materialized='incremental', incremental_strategy='append') }}

with events as (
    select
        sale_id as event_id,
        transaction_time as event_time,
        date_key,
        store_id,
        item_id,
        category,
        event_type as transaction_type,
        quantity,
        unit_price,
        discount,
        net,
        currency,
        source,
        is_merchandise,
        load_seq as source_seq
    from {{ ref('fact_sales') }}
    where load_seq > {{ seen_up_to('source_seq', "transaction_type <> 'RESTOCK'") }}
    union all
    select
        moves.event_id,
        moves.event_ts as event_time,
        cast({{ to_local('moves.event_ts', 'stores.timezone') }} as date) as date_key,
        moves.store_id,
        moves.item_id,
        coalesce(goods.category, {{ uncategorised() }}) as category,
        'RESTOCK' as transaction_type,
        moves.qty_signed as quantity,
        cast(null as decimal(18, 4)) as unit_price,
        cast(null as decimal(9, 6)) as discount,
        cast(null as decimal(18, 2)) as net,
        stores.currency,
        'stream' as source,
        true as is_merchandise,
        moves.load_seq as source_seq
    from {{ ref('stock_movements') }} as moves
    inner join {{ ref('stg_stores') }} as stores on moves.store_id = stores.store_id
    left join {{ ref('stg_items') }} as goods on moves.item_id = goods.item_id
    where moves.movement_type = 'SHELF_IN'
        and moves.location = 'shelf'
        and moves.load_seq > {{ seen_up_to('source_seq', "transaction_type = 'RESTOCK'") }}
)

select
    *,
    cast({{ next_load() }} as bigint) as load_seq
from events
