{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'location', 'event_ts'],
) }}

{#- Stock after every instant at which it changed, and whether that is low, with hysteresis: low
    below one bound, no longer low from a higher one on. Rows depend on event time alone, not on
    the batch an event came in: a late event brings the history of its shelf to be told again. -#}
{%- set seen = seen_up_to('load_seq') -%}
{%- set key = 'store_id, item_id, location' %}

with new_changes as (
    select
        store_id,
        item_id,
        location,
        event_ts,
        sum(qty_signed) as qty
    from {{ ref('stock_movements') }}
    where location in ('shelf', 'warehouse')
        and load_seq > {{ seen }}
    group by store_id, item_id, location, event_ts
),

{% if is_incremental() %}
touched as (
    select
        store_id,
        item_id,
        location,
        min(event_ts) as first_ts
    from new_changes
    group by store_id, item_id, location
),

before as (
    select known.*
    from {{ this }} as known
    inner join touched
        on known.store_id = touched.store_id
        and known.item_id = touched.item_id
        and known.location = touched.location
        and known.event_ts < touched.first_ts
    where known.is_latest
),

-- Known before, but with something newer than the first of the new changes.
told_again as (
    select touched.*
    from touched
    where not exists (
        select 1
        from before
        where before.store_id = touched.store_id
            and before.item_id = touched.item_id
            and before.location = touched.location
    )
),

changes as (
    select new_changes.*
    from new_changes
    inner join before
        on new_changes.store_id = before.store_id
        and new_changes.item_id = before.item_id
        and new_changes.location = before.location
    union all
    select
        movements.store_id,
        movements.item_id,
        movements.location,
        movements.event_ts,
        sum(movements.qty_signed) as qty
    from {{ ref('stock_movements') }} as movements
    -- Not a join: engines may group all movements before one.
    where exists (
        select 1
        from told_again
        where told_again.store_id = movements.store_id
            and told_again.item_id = movements.item_id
            and told_again.location = movements.location
    )
    group by movements.store_id, movements.item_id, movements.location, movements.event_ts
),
{% else %}
before as (
    select
        store_id,
        item_id,
        location,
        event_ts,
        cast(0 as bigint) as stock,
        0 as low_state
    from new_changes
    where 1 = 0
),

changes as (
    select * from new_changes
),
{% endif %}

levels as (
    select
        changes.store_id,
        changes.item_id,
        changes.location,
        changes.event_ts,
        coalesce(before.low_state, 0) as low_state_before,
        cast(
            coalesce(before.stock, 0) + sum(changes.qty) over (
                partition by changes.store_id, changes.item_id, changes.location
                order by changes.event_ts
                rows between unbounded preceding and current row
            ) as bigint
        ) as stock
    from changes
    left join before
        on changes.store_id = before.store_id
        and changes.item_id = before.item_id
        and changes.location = before.location
),

judged as (
    select
        levels.*,
        thresholds.low_below_qty,
        coalesce(thresholds.cooldown_minutes, 0) as cooldown_minutes,
        case
            when levels.stock < thresholds.low_below_qty then 1
            when levels.stock >= thresholds.clear_at_qty then 0
        end as verdict
    from levels
    left join {{ ref('stock_thresholds') }} as thresholds
        on levels.store_id = thresholds.store_id
        and levels.item_id = thresholds.item_id
        and levels.location = thresholds.location
        and levels.event_ts >= thresholds.valid_from_ts
        and levels.event_ts < thresholds.valid_to_ts
),

with_state as (
    select
        *,
        coalesce({{ last_known('verdict', key, 'event_ts') }}, low_state_before) as low_state
    from judged
),

flips as (
    select
        *,
        low_state <> coalesce(
            lag(low_state) over (partition by {{ key }} order by event_ts), low_state_before
        ) as is_flip,
        lead(event_ts) over (partition by {{ key }} order by event_ts) is null as is_latest
    from with_state
)

select
    store_id,
    item_id,
    location,
    event_ts,
    stock,
    cast(low_state as integer) as low_state,
    is_flip,
    is_latest,
    cast(low_below_qty as integer) as low_below_qty,
    cast(cooldown_minutes as integer) as cooldown_minutes,
    (select max(load_seq) from {{ ref('stock_movements') }}) as load_seq
from flips
{% if is_incremental() %}
union all
select
    store_id,
    item_id,
    location,
    event_ts,
    stock,
    low_state,
    is_flip,
    false as is_latest,
    low_below_qty,
    cooldown_minutes,
    load_seq
from before
{% endif %}
