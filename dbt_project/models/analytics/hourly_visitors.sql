{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'hour', 'store_id'],
) }}

with located as (
    select
        traffic.store_id,
        traffic.direction,
        traffic.load_seq,
        {{ to_local('traffic.event_ts', 'stores.timezone') }} as local_ts
    from {{ ref('foot_traffic') }} as traffic
    inner join {{ ref('stg_stores') }} as stores on traffic.store_id = stores.store_id
),

timed as (
    select
        cast(local_ts as date) as date_key,
        cast(extract(hour from local_ts) as tinyint) as hour,
        store_id,
        direction,
        load_seq
    from located
)

select
    date_key,
    hour,
    store_id,
    cast(count(*) filter (where direction = 'entry') as bigint) as visitors,
    cast(count(*) filter (where direction = 'exit') as bigint) as exits,
    cast(max(load_seq) as bigint) as load_seq
from timed
{% if is_incremental() -%}
where (date_key, hour, store_id) in (
    select date_key, hour, store_id
    from timed
    where load_seq > {{ seen_up_to('load_seq') }}
)
{% endif -%}
group by date_key, hour, store_id
