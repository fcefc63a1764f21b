{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'batch_code'],
) }}

-- A lot as it came into the store: counted at go-live, or delivered.
with arrivals as (
    select
        store_id,
        item_id,
        batch_code,
        min(received_date) as received_date,
        min(expiry_date) as expiry_date,
        min(ref_id) as order_id,
        min(event_ts) as first_in_ts,
        sum(qty_signed) as received_qty,
        max(load_seq) as load_seq
    from {{ ref('stock_movements') }}
    where movement_type in ('OPENING', 'WH_IN')
        and batch_code is not null
        and load_seq > {{ seen_up_to('load_seq') }}
    group by store_id, item_id, batch_code
)

select
    arrivals.store_id,
    arrivals.item_id,
    arrivals.batch_code,
    {% if is_incremental() -%}
    least(arrivals.received_date, coalesce(known.received_date, arrivals.received_date)) as received_date,
    least(arrivals.expiry_date, coalesce(known.expiry_date, arrivals.expiry_date)) as expiry_date,
    least(coalesce(arrivals.order_id, known.order_id), coalesce(known.order_id, arrivals.order_id)) as order_id,
    least(arrivals.first_in_ts, coalesce(known.first_in_ts, arrivals.first_in_ts)) as first_in_ts,
    cast(arrivals.received_qty + coalesce(known.received_qty, 0) as bigint) as received_qty,
    {%- else -%}
    arrivals.received_date,
    arrivals.expiry_date,
    arrivals.order_id,
    arrivals.first_in_ts,
    cast(arrivals.received_qty as bigint) as received_qty,
    {%- endif %}
    cast(arrivals.load_seq as bigint) as load_seq
from arrivals
{% if is_incremental() %}
left join {{ this }} as known
    on arrivals.store_id = known.store_id
    and arrivals.item_id = known.item_id
    and arrivals.batch_code = known.batch_code
{% endif %}
