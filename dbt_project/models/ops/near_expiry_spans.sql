{{ config(materialized='table') }}

{#- When lots of an item were about to expire at a place, or had expired and were still there: from
    some days before the date, in the time of the store, until the last piece was gone. Rows depend
    on events and dates alone. -#}

with lots_at_places as (
    select
        balances.store_id,
        balances.item_id,
        balances.place as location,
        balances.batch_code,
        greatest(
            balances.first_in_ts,
            {{ day_start(add_days('lots.expiry_date', "case balances.place when 'shelf' then -" ~ var('near_expiry_days_shelf') ~ " else -" ~ var('near_expiry_days_warehouse') ~ " end"), 'stores.timezone') }}
        ) as near_ts,
        -- Staff saw that the lot is gone, or the books say so.
        case
            when removals.removed_ts >= balances.last_in_ts then removals.removed_ts
            when balances.qty <= 0 then balances.last_event_ts
        end as gone_ts
    from {{ ref('lot_balances') }} as balances
    inner join {{ ref('stg_stores') }} as stores on balances.store_id = stores.store_id
    inner join {{ ref('lots') }} as lots
        on balances.store_id = lots.store_id
        and balances.item_id = lots.item_id
        and balances.batch_code = lots.batch_code
    left join (
        select store_id, item_id, batch_code, location, max(removed_ts) as removed_ts
        from {{ ref('removal_reports') }}
        group by store_id, item_id, batch_code, location
    ) as removals
        on balances.store_id = removals.store_id
        and balances.item_id = removals.item_id
        and balances.batch_code = removals.batch_code
        and balances.place = removals.location
    where balances.place in ('shelf', 'warehouse')
        and balances.first_in_ts is not null
),

spans as (
    select
        *,
        max(coalesce(gone_ts, cast('9999-12-31T00:00:00Z' as {{ timestamp_type() }}))) over (
            partition by store_id, item_id, location
            order by near_ts, batch_code
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from lots_at_places
    where near_ts <= {{ as_of() }}
        and (gone_ts is null or gone_ts > near_ts)
),

islands as (
    select
        *,
        sum(case when near_ts <= covered_until then 0 else 1 end) over (
            partition by store_id, item_id, location
            order by near_ts, batch_code
            rows between unbounded preceding and current row
        ) as island_no
    from spans
)

select
    store_id,
    item_id,
    location,
    min(near_ts) as event_ts,
    case when count(*) = count(gone_ts) then max(gone_ts) end as cleared_ts,
    count(*) as lots
from islands
group by store_id, item_id, location, island_no
