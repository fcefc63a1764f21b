{{ config(materialized='table') }}

{#- Every sale stands in five windows: what they say is not to be added up, unless every fifth
    window is taken. Minutes, which add up, are in sales_pane_1m. -#}

with lines as (
    {{ recent_sales(var('live_window_hours')) }}
),

steps as (
    select {{ explode(numbers_up_to(4)) }} as step
),

placed as (
    select
        lines.*,
        {{ add_minutes('lines.pane_start', 'cast(-steps.step as integer)') }} as window_start,
        {{ add_minutes('lines.pane_start', 'cast(5 - steps.step as integer)') }} as window_end
    from lines
    cross join steps
),

-- A receipt counts as a revision of every window that was final before it came.
counted as (
    select
        *,
        case when not is_too_late then transaction_id end as counted_transaction,
        case when not is_too_late then customer_id end as counted_customer,
        case
            when not is_too_late
                and newest_before_ts >= {{ add_minutes('window_end', var('sales_watermark_minutes')) }}
                then receipt_event_id
        end as revising_receipt
    from placed
    where window_start >= {{ hours_ago(var('live_window_hours')) }}
),

windows as (
    select
        window_start,
        window_end,
        store_id,
        item_id,
        sum(case when is_too_late then 0 else qty end) as units,
        sum(case when is_too_late then 0 else net end) as revenue,
        count(distinct counted_transaction) as transactions,
        count(counted_transaction) as lines,
        count(distinct counted_customer) as customers,
        sum(case when is_too_late then 0 else unit_price end) as price_sum,
        count(distinct revising_receipt) as revision,
        sum(case when is_too_late then 1 else 0 end) as late_lines
    from counted
    group by window_start, window_end, store_id, item_id
),

newest as (
    select store_id, max(event_ts) as event_ts
    from {{ ref('receipt_arrivals') }}
    group by store_id
)

select
    windows.window_start,
    windows.window_end,
    windows.store_id,
    windows.item_id,
    cast(windows.units as bigint) as total_quantity,
    cast(windows.revenue as decimal(18, 2)) as total_revenue,
    cast(windows.transactions as bigint) as transaction_count,
    cast(windows.lines as bigint) as line_count,
    cast(windows.customers as bigint) as unique_customers,
    {{ ratio('windows.revenue', 'windows.units') }} as avg_unit_price,
    {{ ratio('windows.price_sum', 'windows.lines') }} as simple_avg_price,
    case
        when newest.event_ts >= {{ add_minutes('windows.window_end', var('sales_watermark_minutes')) }} then 'final'
        else 'provisional'
    end as status,
    cast(windows.revision as smallint) as revision,
    cast(windows.late_lines as bigint) as late_lines
from windows
inner join newest on windows.store_id = newest.store_id
