{{ config(materialized='incremental', incremental_strategy='append') }}

with new_receipts as (
    select
        *,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_pos_transactions') }}
    where event_type in ('sale', 'return')
        and ingest_batch > {{ seen_up_to('ingest_batch') }}
),

receipts as (
    select *
    from new_receipts
    where arrival_no = 1
    {% if is_incremental() %}
        and not exists (
            select 1 from {{ this }} as known where known.receipt_event_id = new_receipts.event_id
        )
    {% endif %}
),

lines as (
    select
        receipts.*,
        {{ explode('items') }} as line
    from receipts
),

priced as (
    select
        lines.*,
        line.line_no as line_no,
        coalesce(line.line_id, concat(event_id, '#', cast(line.line_no as {{ string_type() }}))) as line_event_id,
        line.item_id as item_id,
        line.description as item_description,
        line.batch_code as batch_code,
        line.expiry_date as expiry_date,
        line.quantity as qty,
        line.unit_price as unit_price,
        line.discount as discount,
        cast(round(line.quantity * line.unit_price, 2) as decimal(18, 2)) as gross,
        cast(round(line.quantity * line.unit_price * (1 - line.discount), 2) as decimal(18, 2)) as net
    from lines
),

located as (
    select
        priced.*,
        stores.currency,
        {{ to_local('priced.event_ts', 'stores.timezone') }} as local_ts
    from priced
    inner join {{ ref('stg_stores') }} as stores on priced.store_id = stores.store_id
)

select
    line_event_id as event_id,
    case event_type when 'sale' then 'SALE' else 'RETURN' end as event_type,
    event_ts,
    ingest_ts,
    cast(local_ts as date) as business_date,
    cast(extract(hour from local_ts) as integer) as hour,
    cast({{ iso_weekday('cast(local_ts as date)') }} as integer) as day_of_week,
    store_id,
    transaction_id,
    line_no,
    item_id,
    item_description,
    original_transaction_id,
    customer_id,
    qty,
    cast(unit_price as decimal(18, 4)) as unit_price,
    cast(discount as decimal(9, 6)) as discount,
    gross,
    net,
    cast(gross - net as decimal(18, 2)) as discount_value,
    currency,
    batch_code,
    expiry_date,
    till_id,
    payment_method,
    country,
    case
        when source like '%/uci' then 'uci'
        when source like '%/backfill' then 'backfill'
        else 'stream'
    end as source,
    not exists (
        select 1
        from {{ ref('non_merchandise') }} as excluded
        where excluded.store_id = located.store_id and located.item_id like excluded.item_pattern
    ) as is_merchandise,
    event_id as receipt_event_id,
    ingest_batch,
    cast({{ next_load() }} as bigint) as load_seq
from located
