{{ config(materialized='table') }}

{#- How long shelves were empty, and what that cost. Lost sales are what an item sells per usual day
    of trade while it is there, over the last four weeks, times the share of a usual day's trade that
    its shelf was empty for: sums over sums, for a median hour of a slow item sells nothing. Of what
    was there for less than a day in all, no more is known than of a day. -#}
with demand as (
    select
        store_id,
        item_id,
        business_date as date_key,
        lost_share,
        price,
        sum(units) over last_days as units,
        greatest(sum(1 - lost_share) over last_days, 1) as days_there
    from {{ ref('demand_history') }}
    window last_days as (
        partition by store_id, item_id order by business_date
        rows between 27 preceding and current row
    )
),

spells as (
    select store_id, item_id, date_key, count(*) as oos_events
    from {{ ref('stockout_spells') }}
    group by store_id, item_id, date_key
),

-- A day of an item counts once, however often it was written down.
days as (
    select distinct
        date_key,
        store_id,
        item_id,
        category,
        currency,
        oos_minutes,
        open_minutes,
        oos_all_minutes,
        tracked_minutes,
        closing_qty <= 0 as is_out_at_close
    from {{ ref('fact_inventory') }}
    where is_closed
),

spans as (
    select
        stores.store_id,
        periods.period_days,
        {{ add_days('stores.today', '-periods.period_days') }} as from_date,
        {{ day_start(add_days('stores.today', '-periods.period_days'), 'stores.timezone') }} as from_ts,
        {{ day_start('stores.today', 'stores.timezone') }} as until_ts
    from (
        select store_id, timezone, cast({{ to_local(as_of(), 'timezone') }} as date) as today
        from {{ ref('dim_store') }}
    ) as stores
    cross join (select {{ inventory_periods() }} as period_days) as periods
),

within as (
    select
        spans.period_days,
        days.*,
        coalesce(spells.oos_events, 0) as oos_events,
        coalesce(demand.lost_share * {{ ratio('demand.units', 'demand.days_there') }}, 0) as lost_units,
        coalesce(demand.lost_share * {{ ratio('demand.units', 'demand.days_there') }} * demand.price, 0) as lost_revenue
    from days
    inner join spans on days.store_id = spans.store_id and days.date_key >= spans.from_date
    left join spells
        on days.store_id = spells.store_id
        and days.item_id = spells.item_id
        and days.date_key = spells.date_key
    left join demand
        on days.store_id = demand.store_id
        and days.item_id = demand.item_id
        and days.date_key = demand.date_key
),

cells as (
    select
        period_days,
        {{ stock_scopes() }},
        count(distinct date_key) as days,
        count(*) as item_days,
        sum(oos_events) as oos_events,
        sum(oos_minutes) as oos_minutes,
        sum(open_minutes) as open_minutes,
        sum(oos_all_minutes) as oos_all_minutes,
        sum(tracked_minutes) as tracked_minutes,
        count(*) filter (where is_out_at_close) as item_days_out,
        sum(lost_units) as lost_units,
        sum(lost_revenue) as lost_revenue
    from within
    group by {{ stock_scope_sets() }}
),

-- Only what of a spell lies in the period.
clipped as (
    select
        spans.period_days,
        spells.store_id,
        spells.currency,
        spells.category,
        spells.item_id,
        {{ common_us('spells.from_ts', 'coalesce(spells.until_ts, spans.until_ts)', 'spans.from_ts', 'spans.until_ts') }} / 60000000 as minutes,
        case when spells.until_ts between spans.from_ts and spans.until_ts then spells.minutes end as mended_minutes
    from {{ ref('stockout_spells') }} as spells
    inner join spans
        on spells.store_id = spans.store_id
        and spells.from_ts < spans.until_ts
        and coalesce(spells.until_ts > spans.from_ts, true)
),

lengths as (
    select
        period_days,
        {{ stock_scopes() }},
        max(minutes) as longest_minutes,
        avg(mended_minutes) as mean_minutes
    from clipped
    group by {{ stock_scope_sets() }}
)

select
    concat(cells.period_days, 'd') as period,
    cells.store_id,
    cells.currency,
    cells.category,
    cells.item_id,
    cast(cells.days as integer) as days,
    cast(cells.oos_events as bigint) as oos_events,
    cast(cells.oos_minutes as bigint) as oos_minutes,
    cast(cells.open_minutes as bigint) as open_minutes,
    cast(cells.oos_all_minutes as bigint) as oos_all_minutes,
    cast(cells.tracked_minutes as bigint) as tracked_minutes,
    100 * {{ ratio('cells.oos_minutes', 'cells.open_minutes') }} as oos_time_rate_pct,
    100 * {{ ratio('cells.oos_all_minutes', 'cells.tracked_minutes') }} as oos_all_rate_pct,
    100 * {{ ratio('cells.item_days_out', 'cells.item_days') }} as snapshot_oos_rate_pct,
    100 * {{ ratio('cells.open_minutes - cells.oos_minutes', 'cells.open_minutes') }} as availability_pct,
    cast(coalesce(lengths.longest_minutes, 0) as double) as longest_oos_minutes,
    cast(lengths.mean_minutes as double) as mean_time_to_restock_min,
    round(cells.lost_units, 4) as est_lost_units,
    cast(cells.lost_revenue as decimal(18, 2)) as est_lost_revenue,
    cells.item_id <> 'ALL' and 30 * cells.oos_events >= {{ var('frequent_stockouts') }} * cells.days as frequent_oos_flag
from cells
left join lengths
    on cells.period_days = lengths.period_days
    and cells.store_id = lengths.store_id
    and cells.currency = lengths.currency
    and cells.category = lengths.category
    and cells.item_id = lengths.item_id
