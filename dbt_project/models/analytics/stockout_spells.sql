{{ config(materialized='table') }}

-- From when until when each shelf was empty; from its first movement on, when the first was elsewhere.
with levels as (
    select store_id, item_id, event_ts, stock <= 0 as is_out
    from {{ ref('stock_levels') }}
    where location = 'shelf' and event_ts < {{ as_of() }}
    union all
    select store_id, item_id, min(event_ts) as event_ts, true as is_out
    from {{ ref('stock_levels') }}
    where event_ts < {{ as_of() }}
    group by store_id, item_id
    having coalesce(min(event_ts) < min(event_ts) filter (where location = 'shelf'), true)
),

turns as (
    select *
    from levels
    qualify is_out is distinct from lag(is_out) over (partition by store_id, item_id order by event_ts)
),

spells as (
    select
        *,
        lead(event_ts) over (partition by store_id, item_id order by event_ts) as until_ts
    from turns
    qualify is_out
)

select
    spells.store_id,
    spells.item_id,
    products.category,
    stores.currency,
    cast({{ to_local('spells.event_ts', 'stores.timezone') }} as date) as date_key,
    spells.event_ts as from_ts,
    spells.until_ts,
    cast((epoch_us(coalesce(spells.until_ts, {{ as_of() }})) - epoch_us(spells.event_ts)) / 60000000 as double) as minutes,
    spells.until_ts is null as is_open
from spells
inner join {{ ref('dim_store') }} as stores on spells.store_id = stores.store_id
inner join {{ ref('dim_product') }} as products on spells.item_id = products.item_id and products.is_current
