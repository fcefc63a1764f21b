{{ config(materialized='table') }}

-- Goods that were sold and stand in no master data have the name that tills print most often.
with named as (
    select
        item_id,
        item_description,
        count(*) as lines
    from {{ ref('sales_lines') }}
    group by item_id, item_description
),

sold as (
    select
        item_id,
        max_by(item_description, (lines, item_description)) filter (where item_description is not null) as product_name
    from named
    group by item_id
),

goods as (
    select
        coalesce(items.item_id, sold.item_id) as item_id,
        coalesce(sold.product_name, items.subcategory, sold.item_id) as product_name,
        coalesce(items.category, {{ uncategorised() }}) as category,
        coalesce(items.subcategory, {{ uncategorised() }}) as sub_category,
        items.list_price,
        items.batch_size,
        items.is_perishable
    from {{ ref('stg_items') }} as items
    full outer join sold on items.item_id = sold.item_id
),

-- What was valid before the first price that was announced begins with time itself.
versions as (
    select
        item_id,
        cast('1970-01-01 00:00:00+00' as timestamp with time zone) as valid_from,
        cast(null as decimal(18, 4)) as list_price,
        cast(null as decimal(18, 4)) as unit_cost
    from goods
    where item_id not in (
        select item_id
        from {{ ref('stg_item_prices') }}
        where valid_from_ts <= cast('1970-01-01 00:00:00+00' as timestamp with time zone)
    )
    union all
    select item_id, valid_from_ts as valid_from, list_price, unit_cost
    from {{ ref('stg_item_prices') }}
    where item_id in (select item_id from goods)
),

spans as (
    select
        *,
        lead(valid_from) over (partition by item_id order by valid_from) as valid_to
    from versions
),

priced as (
    select
        goods.item_id,
        goods.product_name,
        goods.category,
        goods.sub_category,
        goods.batch_size,
        goods.is_perishable,
        coalesce(spans.list_price, goods.list_price) as list_price,
        spans.unit_cost as actual_cost,
        coalesce(ratios.cost_ratio, defaults.cost_ratio) as cost_ratio,
        spans.valid_from,
        spans.valid_to
    from spans
    inner join goods on spans.item_id = goods.item_id
    left join {{ ref('cost_ratios') }} as ratios on goods.category = ratios.category
    inner join {{ ref('cost_ratios') }} as defaults on defaults.category = '*'
)

select
    {{ surrogate_key("concat(item_id, '@', cast(epoch_us(valid_from) as varchar))") }} as product_key,
    item_id,
    product_name,
    category,
    sub_category,
    list_price,
    cast(coalesce(actual_cost, round(list_price * cost_ratio, 4)) as decimal(18, 4)) as unit_cost,
    case when actual_cost is null then 'estimated' else 'actual' end as cost_source,
    cast(cost_ratio as double) as cost_ratio,
    batch_size as pack_size,
    coalesce(is_perishable, false) as is_perishable,
    valid_from,
    valid_to,
    valid_to is null as is_current
from priced
