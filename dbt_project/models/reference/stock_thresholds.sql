{{ config(materialized='table') }}

-- Which policy row is in force where and when; the narrowest scope wins.
with stocked as (
    select
        store_items.store_id,
        store_items.item_id,
        items.category,
        places.location,
        case places.location
            when 'shelf' then store_items.shelf_capacity
            else store_items.warehouse_capacity
        end as capacity
    from {{ ref('stg_store_items') }} as store_items
    inner join {{ ref('stg_items') }} as items on store_items.item_id = items.item_id
    cross join (select 'shelf' as location union all select 'warehouse' as location) as places
),

candidates as (
    select
        stocked.store_id,
        stocked.item_id,
        stocked.location,
        stocked.capacity,
        policies.low_frac,
        policies.low_qty,
        policies.clear_frac,
        policies.target_frac,
        policies.cooldown_minutes,
        policies.valid_from_ts,
        policies.valid_to_ts,
        policies.policy_id,
        case when policies.item_id is not null then 4 else 0 end
            + case when policies.category is not null then 2 else 0 end
            + case when policies.store_id is not null then 1 else 0 end as specificity
    from stocked
    inner join {{ ref('stg_stock_policies') }} as policies
        on stocked.location = policies.location
        and stocked.store_id = coalesce(policies.store_id, stocked.store_id)
        and stocked.category = coalesce(policies.category, stocked.category)
        and stocked.item_id = coalesce(policies.item_id, stocked.item_id)
),

changes as (
    select distinct
        store_id,
        item_id,
        location,
        valid_from_ts
    from candidates
),

in_force as (
    select
        candidates.*,
        changes.valid_from_ts as from_ts,
        row_number() over (
            partition by changes.store_id, changes.item_id, changes.location, changes.valid_from_ts
            order by candidates.specificity desc, candidates.policy_id
        ) as choice
    from changes
    inner join candidates
        on changes.store_id = candidates.store_id
        and changes.item_id = candidates.item_id
        and changes.location = candidates.location
        and changes.valid_from_ts >= candidates.valid_from_ts
        and changes.valid_from_ts < coalesce(candidates.valid_to_ts, cast('9999-12-31T00:00:00Z' as {{ timestamp_type() }}))
),

quantities as (
    select
        *,
        -- A shelf is low strictly below its share; a warehouse below its rounded reorder point.
        case location
            when 'shelf' then greatest(low_qty, cast(ceil(low_frac * capacity) as integer))
            else greatest(low_qty, cast(round(low_frac * capacity, 0) as integer))
        end as low_below_qty
    from in_force
    where choice = 1
)

select
    store_id,
    item_id,
    location,
    capacity,
    low_below_qty,
    greatest(low_below_qty, cast(ceil(clear_frac * capacity) as integer)) as clear_at_qty,
    cast(ceil(target_frac * capacity) as integer) as target_qty,
    cooldown_minutes,
    policy_id,
    from_ts as valid_from_ts,
    coalesce(
        lead(from_ts) over (partition by store_id, item_id, location order by from_ts),
        cast('9999-12-31T00:00:00Z' as {{ timestamp_type() }})
    ) as valid_to_ts
from quantities
