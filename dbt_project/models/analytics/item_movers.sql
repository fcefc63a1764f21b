{{ config(materialized='table') }}

-- The twenty that sell most per day on sale, and the twenty that sell least; of what was on sale for
-- a week, however little it sold.
with ranked as (
    select
        *,
        row_number() over (
            partition by store_id, currency order by avg_daily_units desc, item_id
        ) as fastest,
        row_number() over (partition by store_id, currency order by avg_daily_units, item_id) as slowest
    from {{ ref('item_classification') }}
    where days_on_sale_30d >= 7
)

select
    store_id,
    currency,
    'high' as list,
    fastest as place,
    item_id,
    category,
    avg_daily_units,
    units_30d,
    on_hand,
    days_of_cover,
    movement_class
from ranked
where fastest <= 20
union all
select
    store_id,
    currency,
    'slow' as list,
    slowest as place,
    item_id,
    category,
    avg_daily_units,
    units_30d,
    on_hand,
    days_of_cover,
    movement_class
from ranked
where slowest <= 20
