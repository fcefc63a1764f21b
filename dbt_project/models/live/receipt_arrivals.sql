{{ config(materialized='incremental', incremental_strategy='append') }}

{#- In which order the receipts of a store came. A repeated receipt is the same thing sent again. -#}
with arrivals as (
    {{ first_arrivals(ref('stg_pos_transactions'), 'event_id', "event_type in ('sale', 'return')") }}
),

before as (
    {% if is_incremental() -%}
    select
        store_id,
        max(arrival_no) as receipts,
        max(event_ts) as newest_ts
    from {{ this }}
    group by store_id
    {%- else -%}
    select
        store_id,
        cast(0 as bigint) as receipts,
        event_ts as newest_ts
    from arrivals
    where 1 = 0
    {%- endif %}
),

ordered as (
    select
        *,
        row_number() over (
            partition by store_id order by ingest_batch, stream_order, entry_index
        ) as place,
        max(event_ts) over (
            partition by store_id order by ingest_batch, stream_order, entry_index
            rows between unbounded preceding and 1 preceding
        ) as newest_of_these_ts
    from arrivals
)

select
    ordered.event_id,
    ordered.store_id,
    cast(coalesce(before.receipts, 0) + ordered.place as bigint) as arrival_no,
    ordered.event_ts,
    ordered.ingest_ts,
    case
        when before.newest_ts > ordered.newest_of_these_ts then before.newest_ts
        else coalesce(ordered.newest_of_these_ts, before.newest_ts)
    end as newest_before_ts,
    ordered.ingest_batch
from ordered
left join before on ordered.store_id = before.store_id
