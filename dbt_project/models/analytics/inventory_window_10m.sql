{{ config(materialized='table', schema='live') }}

{#- Only windows in which something moved have a row; how many places are out of stock at the end of
    any window stands in inventory_status_10m. -#}

with steps as (
    {{ recent_stock(var('stock_window_hours')) }}
),

offsets as (
    select {{ explode(numbers_up_to(4)) }} as step
),

placed as (
    select
        steps.*,
        {{ add_minutes(stretch_start('steps.event_ts', 2), 'cast(-2 * offsets.step as integer)') }} as window_start
    from steps
    cross join offsets
),

-- The stock after the last step of a window is what there is at its end.
ranked as (
    select
        *,
        row_number() over (
            partition by window_start, store_id, item_id, location order by event_ts desc
        ) as from_last
    from placed
    where window_start >= {{ hours_ago(var('stock_window_hours')) }}
),

windows as (
    select
        window_start,
        {{ add_minutes('window_start', 10) }} as window_end,
        store_id,
        item_id,
        location,
        max(case when from_last = 1 then stock end) as latest_stock,
        min(stock) as min_observed_stock,
        max(stock) as max_observed_stock,
        max(case when from_last = 1 then reorder_level end) as reorder_level,
        sum(qty) as total_quantity_change,
        count(*) as update_count
    from ranked
    group by window_start, store_id, item_id, location
),

newest as (
    select store_id, max(event_ts) as event_ts
    from steps
    group by store_id
)

select
    windows.window_start,
    windows.window_end,
    windows.store_id,
    windows.item_id,
    windows.location,
    cast(windows.latest_stock as bigint) as latest_stock,
    cast(windows.min_observed_stock as bigint) as min_observed_stock,
    cast(windows.max_observed_stock as bigint) as max_observed_stock,
    cast(windows.reorder_level as integer) as reorder_level,
    cast(
        case windows.location
            when 'shelf' then places.shelf_capacity
            else places.warehouse_capacity
        end as integer
    ) as max_stock,
    cast(windows.total_quantity_change as bigint) as total_quantity_change,
    cast(windows.update_count as bigint) as update_count,
    {{ stock_status('windows.latest_stock', 'windows.reorder_level') }} as stock_status,
    100 * {{ ratio(
        'windows.latest_stock',
        "case windows.location when 'shelf' then places.shelf_capacity else places.warehouse_capacity end"
    ) }} as stock_percentage,
    case
        when newest.event_ts >= {{ add_minutes('windows.window_end', var('stock_watermark_minutes')) }} then 'final'
        else 'provisional'
    end as status
from windows
inner join newest on windows.store_id = newest.store_id
left join {{ ref('stg_store_items') }} as places
    on windows.store_id = places.store_id and windows.item_id = places.item_id
