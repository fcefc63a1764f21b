{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Columns that the three sources of movements share. -#}
{%- set shelf_seen = seen_up_to('source_seq', "source_table = 'shelf_events'") -%}
{%- set warehouse_seen = seen_up_to('source_seq', "source_table = 'warehouse_events'") -%}
{%- set sales_seen = seen_up_to('source_seq', "source_table = 'sales_lines'") -%}
{%- set reports_seen = seen_up_to('source_seq', "source_table = 'operator_reports'") %}

with shelf_events as (
    select
        'shelf_events' as source_table,
        event_id,
        event_type,
        variant,
        store_id,
        item_id,
        batch_code,
        qty,
        command_id as ref_id,
        cast(null as date) as received_date,
        cast(null as date) as expiry_date,
        event_ts,
        ingest_batch as source_seq,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_shelf_events') }}
    where event_type in ('pickup', 'putback')
        and ingest_batch > {{ shelf_seen }}
),

warehouse_events as (
    select
        'warehouse_events' as source_table,
        event_id,
        event_type,
        variant,
        store_id,
        item_id,
        batch_code,
        qty,
        command_id as ref_id,
        received_date,
        expiry_date,
        event_ts,
        ingest_batch as source_seq,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_warehouse_events') }}
    where event_type in ('opening_stock', 'wh_in', 'wh_out', 'removal')
        and qty > 0
        and ingest_batch > {{ warehouse_seen }}
),

sales_lines as (
    select
        'sales_lines' as source_table,
        event_id,
        event_type,
        'till' as variant,
        store_id,
        item_id,
        batch_code,
        qty,
        transaction_id as ref_id,
        cast(null as date) as received_date,
        expiry_date,
        event_ts,
        load_seq as source_seq,
        1 as arrival_no
    from {{ ref('sales_lines') }}
    where load_seq > {{ sales_seen }}
),

-- A count posts the difference to what the person was shown: what moved meanwhile stays right,
-- in whatever order events come in.
counts as (
    select
        'operator_reports' as source_table,
        event_id,
        event_type,
        location as variant,
        store_id,
        item_id,
        batch_code,
        cast(qty - book_qty as integer) as qty,
        cast(null as {{ string_type() }}) as ref_id,
        cast(null as date) as received_date,
        cast(null as date) as expiry_date,
        event_ts,
        ingest_batch as source_seq,
        1 as arrival_no
    from {{ ref('operator_reports') }}
    where event_type = 'stock_counted'
        and qty <> book_qty
        and ingest_batch > {{ reports_seen }}
),

events as (
    select * from shelf_events
    union all
    select * from warehouse_events
    union all
    select * from sales_lines
    union all
    select * from counts
),

candidates as (
    select events.*
    from events
    inner join {{ ref('stg_stores') }} as stores on events.store_id = stores.store_id
    where stores.stock_tracking = 'sensors'
        and events.arrival_no = 1
),

-- On its own: beside the join above, engines look for all that is known, not for what is new.
new_events as (
    select *
    from candidates
    {% if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as known
        where known.event_id = candidates.event_id and known.source_table = candidates.source_table
    )
    {% endif %}
)

select
    new_events.source_table,
    new_events.event_id,
    cast(legs.leg as integer) as leg,
    legs.movement_type,
    legs.location,
    new_events.store_id,
    new_events.item_id,
    new_events.batch_code,
    cast(new_events.qty * legs.sign as integer) as qty_signed,
    new_events.ref_id,
    new_events.received_date,
    new_events.expiry_date,
    new_events.event_ts,
    cast(new_events.event_ts as date) as event_date,
    new_events.source_seq,
    cast({{ next_load() }} as bigint) as load_seq
from new_events
inner join {{ ref('stock_legs') }} as legs
    on new_events.event_type = legs.event_type and new_events.variant = legs.variant
