{{ config(materialized='table') }}

with lines as (
    {{ recent_sales(var('live_pane_hours')) }}
),

panes as (
    select
        pane_start,
        store_id,
        item_id,
        sum(case when is_too_late then 0 else 1 end) as lines,
        sum(case when is_too_late then 0 else qty end) as units,
        sum(case when is_too_late then 0 else net end) as revenue,
        sum(case when is_too_late then 0 else unit_price end) as price_sum,
        sum(case when is_too_late then 1 else 0 end) as late_lines
    from lines
    group by pane_start, store_id, item_id
)

select
    pane_start,
    store_id,
    item_id,
    cast(lines as bigint) as lines,
    cast(units as bigint) as units,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(price_sum as decimal(18, 4)) as price_sum,
    cast(lines as bigint) as price_lines,
    cast(late_lines as bigint) as late_lines
from panes
where pane_start >= {{ hours_ago(var('live_pane_hours')) }}
