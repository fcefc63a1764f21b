{{ config(materialized='table', schema='live') }}

{#- What is on a shelf is weighed by the time it was there, not by how often it was told. Windows in
    which nothing moved have no row. -#}

with steps as (
    select *
    from ({{ recent_stock(var('stock_window_hours')) }}) as recent
    where location = 'shelf'
),

offsets as (
    select {{ explode(numbers_up_to(5)) }} as step
),

windows as (
    select
        {{ add_minutes(stretch_start('steps.event_ts', 5), 'cast(-5 * offsets.step as integer)') }} as window_start,
        {{ add_minutes(stretch_start('steps.event_ts', 5), 'cast(30 - 5 * offsets.step as integer)') }} as window_end,
        steps.store_id,
        steps.item_id,
        count(*) as stock_updates
    from steps
    cross join offsets
    group by 1, 2, 3, 4
),

newest as (
    select store_id, max(event_ts) as event_ts
    from steps
    group by store_id
),

-- A window that is not over yet is weighed up to the run.
bounded as (
    select
        windows.*,
        newest.event_ts as newest_ts,
        least(windows.window_end, greatest({{ as_of() }}, newest.event_ts)) as until_ts
    from windows
    inner join newest on windows.store_id = newest.store_id
    where windows.window_start >= {{ hours_ago(var('stock_window_hours')) }}
),

stretches as (
    select
        store_id,
        item_id,
        event_ts as from_ts,
        lead(event_ts) over (partition by store_id, item_id order by event_ts) as to_ts,
        stock,
        stock < reorder_level as is_low
    from steps
    union all
    -- What was there before the first of these steps.
    select
        store_id,
        item_id,
        {{ hours_ago(var('stock_window_hours')) }} as from_ts,
        event_ts as to_ts,
        stock_before as stock,
        stock_before < reorder_level as is_low
    from (
        select
            *,
            row_number() over (partition by store_id, item_id order by event_ts) as place
        from steps
    ) as numbered
    where place = 1
),

weighed as (
    select
        bounded.window_start,
        bounded.window_end,
        bounded.store_id,
        bounded.item_id,
        bounded.stock_updates,
        bounded.newest_ts,
        stretches.stock,
        stretches.is_low,
        -- Whole microseconds add up to the same in any order.
        {{ epoch_us('least(coalesce(stretches.to_ts, bounded.until_ts), bounded.until_ts)') }}
            - {{ epoch_us('greatest(stretches.from_ts, bounded.window_start)') }} as weight
    from bounded
    inner join stretches
        on bounded.store_id = stretches.store_id
        and bounded.item_id = stretches.item_id
        and stretches.from_ts < bounded.until_ts
        and (stretches.to_ts is null or stretches.to_ts > bounded.window_start)
),

measured as (
    select
        window_start,
        window_end,
        store_id,
        item_id,
        stock_updates,
        newest_ts,
        sum(weight) as weight,
        sum(weight * stock) as stock_time,
        sum(weight * stock * stock) as square_time,
        sum(case when is_low then weight else 0 end) as low_time
    from weighed
    group by window_start, window_end, store_id, item_id, stock_updates, newest_ts
),

sold as (
    select
        {{ add_minutes(stretch_start('panes.pane_start', 5), 'cast(-5 * offsets.step as integer)') }} as window_start,
        panes.store_id,
        panes.item_id,
        sum(panes.units) as units
    from {{ ref('sales_pane_1m') }} as panes
    cross join offsets
    where panes.pane_start >= {{ hours_ago(var('stock_window_hours')) }}
    group by 1, 2, 3
)

select
    measured.window_start,
    measured.window_end,
    measured.store_id,
    measured.item_id,
    {{ ratio('measured.stock_time', 'measured.weight') }} as avg_stock_level,
    sqrt(greatest(
        {{ ratio('measured.square_time', 'measured.weight') }}
        - {{ ratio('measured.stock_time', 'measured.weight') }} * {{ ratio('measured.stock_time', 'measured.weight') }},
        0
    )) as stock_volatility,
    cast(measured.stock_updates as bigint) as stock_updates,
    100 * {{ ratio('measured.low_time', 'measured.weight') }} as low_stock_pct,
    cast(coalesce(sold.units, 0) as bigint) as units_sold,
    coalesce(sold.units, 0) / nullif({{ ratio('measured.stock_time', 'measured.weight') }}, 0) as instant_turns,
    case
        when measured.newest_ts >= {{ add_minutes('measured.window_end', var('dynamics_watermark_minutes')) }} then 'final'
        else 'provisional'
    end as status
from measured
left join sold
    on measured.window_start = sold.window_start
    and measured.store_id = sold.store_id
    and measured.item_id = sold.item_id
