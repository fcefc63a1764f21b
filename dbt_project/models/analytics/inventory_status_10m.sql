{{ config(materialized='table', schema='live') }}

{#- A place at which nothing moves keeps its status. So what there is now is known, and every step
    of the last hours is taken back from it. -#}

with steps as (
    {{ recent_stock(var('stock_window_hours')) }}
),

changes as (
    select
        *,
        {{ stock_status('stock', 'reorder_level') }} as status_after,
        lag({{ stock_status('stock', 'reorder_level') }}) over (
            partition by store_id, item_id, location order by event_ts
        ) as known_before
    from steps
),

judged as (
    select
        store_id,
        location,
        -- The first window whose end tells of the step.
        {{ add_minutes(stretch_start('event_ts', 2), 2) }} as window_end,
        status_after,
        coalesce(known_before, {{ stock_status('stock_before', 'reorder_level') }}) as status_before
    from changes
),

deltas as (
    select
        store_id,
        location,
        window_end,
        sum(case status_after when 'OUT_OF_STOCK' then 1 else 0 end)
            - sum(case status_before when 'OUT_OF_STOCK' then 1 else 0 end) as out_of_stock,
        sum(case status_after when 'LOW_STOCK' then 1 else 0 end)
            - sum(case status_before when 'LOW_STOCK' then 1 else 0 end) as low_stock
    from judged
    group by store_id, location, window_end
),

latest as (
    select
        store_id,
        location,
        {{ stock_status('stock', 'coalesce(low_below_qty, ' ~ var('low_below_fallback_qty') ~ ')') }} as status_now
    from {{ ref('stock_levels') }}
    where is_latest
),

standing as (
    select
        store_id,
        location,
        count(*) as places,
        sum(case status_now when 'OUT_OF_STOCK' then 1 else 0 end) as out_of_stock,
        sum(case status_now when 'LOW_STOCK' then 1 else 0 end) as low_stock
    from latest
    group by store_id, location
),

offsets as (
    select {{ explode(numbers_up_to(30 * var('stock_window_hours') - 1)) }} as step
),

ends as (
    select
        {{ add_minutes(stretch_start(as_of(), 2), 'cast(2 - 2 * step as integer)') }} as window_end
    from offsets
),

counted as (
    select
        ends.window_end,
        standing.store_id,
        standing.location,
        standing.places,
        standing.out_of_stock - coalesce(sum(deltas.out_of_stock), 0) as out_of_stock,
        standing.low_stock - coalesce(sum(deltas.low_stock), 0) as low_stock
    from ends
    cross join standing
    left join deltas
        on standing.store_id = deltas.store_id
        and standing.location = deltas.location
        and ends.window_end < deltas.window_end
    group by
        ends.window_end, standing.store_id, standing.location, standing.places,
        standing.out_of_stock, standing.low_stock
)

select
    {{ add_minutes('window_end', -10) }} as window_start,
    window_end,
    store_id,
    location,
    cast(places as bigint) as places,
    cast(out_of_stock as bigint) as out_of_stock,
    cast(low_stock as bigint) as low_stock,
    cast(places - out_of_stock - low_stock as bigint) as in_stock
from counted
