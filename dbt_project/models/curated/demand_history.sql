{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'business_date'],
) }}

{#- What was sold on every day of every item, and how much of a usual day's trade fell into times in
    which its shelf was empty. A usual day is the last four weeks: the share of pieces sold in each
    local hour, spread evenly within the hour. -#}
{#- Looked at by increments only. -#}
{%- do ref('stock_movements') -%}
{%- set sales_seen = seen_up_to('sales_seq') -%}
{%- set stock_seen = seen_up_to('stock_seq') -%}
{%- set spans = demand_spans(sales_seen, stock_seen) -%}
{%- set first_date = first_date_of(spans) -%}
{%- set first_ts = first_ts_of(first_date) %}

with spans as (
    {{ spans }}
),

days as (
    select
        store_id,
        item_id,
        {{ explode(dates_between('from_date', 'last_date')) }} as moment
    from spans
),

item_days as (
    select store_id, item_id, cast(moment as date) as business_date
    from days
),

-- A day without a cutoff is divided where the earliest of the week would.
rounds as (
    select weekday, min(cutoff_minute) as cutoff_minute
    from {{ ref('supplier_calendar') }}
    group by weekday
),

dated as (
    select distinct store_id, business_date
    from item_days
),

store_days as (
    select
        dated.store_id,
        dated.business_date,
        stores.timezone,
        {{ add_minutes(
            'cast(dated.business_date as ' ~ timestamp_type() ~ ')',
            'coalesce(rounds.cutoff_minute, (select min(cutoff_minute) from rounds))'
        ) }} as cutoff_ts,
        {{ day_start(add_days('dated.business_date', 1), 'stores.timezone') }} <= {{ as_of() }} as is_closed
    from dated
    inner join {{ ref('stg_stores') }} as stores on dated.store_id = stores.store_id
    left join rounds on {{ iso_weekday('dated.business_date') }} = rounds.weekday
),

hourly as (
    select store_id, business_date, hour, sum(qty) as pieces
    from {{ ref('sales_lines') }}
    where event_type = 'SALE'
        and is_merchandise
        and business_date >= {{ add_days(first_date, -28) }}
    group by store_id, business_date, hour
),

hours as (
    select {{ explode(numbers_up_to(23)) }} as hour
),

usual as (
    select
        store_days.store_id,
        store_days.business_date,
        hourly.hour,
        sum(hourly.pieces) as pieces
    from store_days
    inner join hourly
        on store_days.store_id = hourly.store_id
        and hourly.business_date >= {{ add_days('store_days.business_date', -28) }}
        and hourly.business_date < store_days.business_date
    group by store_days.store_id, store_days.business_date, hourly.hour
),

weighed as (
    select
        store_days.store_id,
        store_days.business_date,
        store_days.timezone,
        store_days.cutoff_ts,
        hours.hour,
        coalesce(usual.pieces, 0) as pieces,
        sum(usual.pieces) over (partition by store_days.store_id, store_days.business_date) as day_pieces
    from store_days
    cross join hours
    left join usual
        on store_days.store_id = usual.store_id
        and store_days.business_date = usual.business_date
        and hours.hour = usual.hour
),

shares as (
    select
        *,
        -- Before anything was sold, trade is taken as even from 8 to 21.
        cast(
            case
                when day_pieces > 0 then pieces / cast(day_pieces as double)
                when hour between 8 and 20 then 1 / cast(13 as double)
                else 0
            end as double
        ) as share
    from weighed
),

profile as (
    select
        *,
        sum(share) over (
            partition by store_id, business_date order by hour
            rows between unbounded preceding and current row
        ) - share as share_before,
        {{ hours_into('business_date', to_local('cutoff_ts', 'timezone')) }} as cutoff_hours
    from shares
),

cutoffs as (
    select
        store_id,
        business_date,
        share_before + share * (cutoff_hours - hour) as share_before_cutoff
    from profile
    where hour = {{ hour_of('cutoff_hours') }}
),

levels as (
    select store_id, item_id, event_ts, stock
    from {{ ref('stock_levels') }}
    where location = 'shelf' and event_ts >= {{ first_ts }}
    union all
    select
        store_id,
        item_id,
        {{ first_ts }} as event_ts,
        max_by(stock, event_ts) as stock
    from {{ ref('stock_levels') }}
    where location = 'shelf' and event_ts < {{ first_ts }}
    group by store_id, item_id
),

stretches as (
    select
        store_id,
        item_id,
        stock,
        event_ts as begin_ts,
        least(
            coalesce(lead(event_ts) over (partition by store_id, item_id order by event_ts), {{ as_of() }}),
            {{ as_of() }}
        ) as end_ts
    from levels
),

empty as (
    select
        stretches.store_id,
        stretches.item_id,
        {{ to_local('stretches.begin_ts', 'stores.timezone') }} as begin_local,
        {{ to_local('stretches.end_ts', 'stores.timezone') }} as end_local
    from stretches
    inner join {{ ref('stg_stores') }} as stores on stretches.store_id = stores.store_id
    where stretches.stock <= 0 and stretches.begin_ts < stretches.end_ts
),

pieces as (
    select
        item_days.store_id,
        item_days.item_id,
        item_days.business_date,
        {{ hours_into('item_days.business_date', 'empty.begin_local') }} as begin_hours,
        {{ hours_into('item_days.business_date', 'empty.end_local') }} as end_hours
    from empty
    inner join item_days
        on empty.store_id = item_days.store_id
        and empty.item_id = item_days.item_id
        and item_days.business_date >= cast(empty.begin_local as date)
        and item_days.business_date <= cast(empty.end_local as date)
),

placed as (
    select
        pieces.store_id,
        pieces.item_id,
        pieces.business_date,
        cutoffs.share_before_cutoff,
        begins.share_before + begins.share * (pieces.begin_hours - begins.hour) as share_at_begin,
        ends.share_before + ends.share * (pieces.end_hours - ends.hour) as share_at_end
    from pieces
    inner join profile as begins
        on pieces.store_id = begins.store_id
        and pieces.business_date = begins.business_date
        and begins.hour = {{ hour_of('pieces.begin_hours') }}
    inner join profile as ends
        on pieces.store_id = ends.store_id
        and pieces.business_date = ends.business_date
        and ends.hour = {{ hour_of('pieces.end_hours') }}
    inner join cutoffs
        on pieces.store_id = cutoffs.store_id and pieces.business_date = cutoffs.business_date
),

-- Rounded, so that the order in which shares are added does not show.
lost as (
    select
        store_id,
        item_id,
        business_date,
        round(sum(share_at_end - share_at_begin), 6) as lost_share,
        round(
            sum(greatest(share_at_end, share_before_cutoff) - greatest(share_at_begin, share_before_cutoff)), 6
        ) as lost_share_late
    from placed
    group by store_id, item_id, business_date
),

sales as (
    select
        lines.store_id,
        lines.item_id,
        lines.business_date,
        sum(lines.qty) as units,
        sum(case when lines.event_ts >= store_days.cutoff_ts then lines.qty else 0 end) as late_units
    from {{ ref('sales_lines') }} as lines
    inner join store_days
        on lines.store_id = store_days.store_id and lines.business_date = store_days.business_date
    where lines.event_type = 'SALE'
        and lines.is_merchandise
        and lines.business_date >= {{ first_date }}
    group by lines.store_id, lines.item_id, lines.business_date
)

select
    item_days.store_id,
    item_days.item_id,
    item_days.business_date,
    goods.category,
    cast(coalesce(sales.units, 0) as bigint) as units,
    cast(coalesce(sales.late_units, 0) as bigint) as late_units,
    cast(least(greatest(coalesce(lost.lost_share, 0), 0), 1) as double) as lost_share,
    cast(least(greatest(coalesce(lost.lost_share_late, 0), 0), 1) as double) as lost_share_late,
    coalesce(discounts.planned_price, cast(goods.list_price as double)) as price,
    cast(coalesce(discounts.discount, 0) as double) as promo,
    store_days.is_closed,
    cast(coalesce((select max(load_seq) from {{ ref('sales_lines') }}), 0) as bigint) as sales_seq,
    cast(coalesce((select max(load_seq) from {{ ref('stock_levels') }}), 0) as bigint) as stock_seq
from item_days
inner join store_days
    on item_days.store_id = store_days.store_id and item_days.business_date = store_days.business_date
left join {{ ref('stg_items') }} as goods on item_days.item_id = goods.item_id
left join {{ ref('stg_weekly_discounts') }} as discounts
    on item_days.item_id = discounts.item_id
    and item_days.business_date between discounts.week_start_date and discounts.week_end_date
left join sales
    on item_days.store_id = sales.store_id
    and item_days.item_id = sales.item_id
    and item_days.business_date = sales.business_date
left join lost
    on item_days.store_id = lost.store_id
    and item_days.item_id = lost.item_id
    and item_days.business_date = lost.business_date
