{{ config(materialized='table') }}

{#- A receipt has one time, so receipts add up over panes, which those of single items do not. -#}

with lines as (
    {{ recent_sales(var('live_pane_hours')) }}
),

counted as (
    select
        {{ stretch_start('event_ts', 5) }} as pane_start,
        store_id,
        currency,
        transaction_id,
        qty,
        net
    from lines
    where not is_too_late
)

select
    pane_start,
    store_id,
    currency,
    cast(count(distinct transaction_id) as bigint) as transactions,
    cast(count(*) as bigint) as lines,
    cast(sum(qty) as bigint) as units,
    cast(sum(net) as decimal(18, 2)) as revenue
from counted
where pane_start >= {{ hours_ago(var('live_pane_hours')) }}
group by pane_start, store_id, currency
