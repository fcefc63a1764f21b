{{ config(materialized='table') }}

with stores as (
    select
        *,
        cast({{ to_local(as_of(), 'timezone') }} as date) as business_date
    from {{ ref('stg_stores') }}
),

people as (
    select
        store_id,
        sum(case direction when 'entry' then 1 else -1 end) as people_in_store,
        max(event_ts) as last_traffic_ts
    from {{ ref('foot_traffic') }}
    group by store_id
),

sales as (
    select
        lines.store_id,
        count(distinct lines.transaction_id) as receipts_today,
        sum(lines.qty) as units_today,
        sum(lines.net) as sales_today
    from {{ ref('sales_lines') }} as lines
    inner join stores
        on lines.store_id = stores.store_id and lines.business_date = stores.business_date
    where lines.event_type = 'SALE'
    group by lines.store_id
),

goods as (
    select
        store_id,
        sum(shelf_alerts) as shelf_alerts,
        sum(warehouse_alerts) as warehouse_alerts,
        sum(empty_shelves) as empty_shelves,
        sum(low_shelves) as low_shelves,
        sum(open_tasks) as open_tasks,
        max(last_shelf_event_ts) as last_shelf_event_ts
    from {{ ref('category_status') }}
    group by store_id
)

select
    stores.store_id,
    stores.store_name,
    stores.timezone,
    stores.currency,
    stores.business_date,
    cast(coalesce(people.people_in_store, 0) as bigint) as people_in_store,
    cast(coalesce(sales.receipts_today, 0) as bigint) as receipts_today,
    cast(coalesce(sales.units_today, 0) as bigint) as units_today,
    cast(coalesce(sales.sales_today, 0) as decimal(18, 2)) as sales_today,
    cast(coalesce(goods.shelf_alerts, 0) as bigint) as shelf_alerts,
    cast(coalesce(goods.warehouse_alerts, 0) as bigint) as warehouse_alerts,
    cast(coalesce(goods.empty_shelves, 0) as bigint) as empty_shelves,
    cast(coalesce(goods.low_shelves, 0) as bigint) as low_shelves,
    cast(coalesce(goods.open_tasks, 0) as bigint) as open_tasks,
    goods.last_shelf_event_ts,
    people.last_traffic_ts,
    {{ as_of() }} as as_of_ts
from stores
left join people on stores.store_id = people.store_id
left join sales on stores.store_id = sales.store_id
left join goods on stores.store_id = goods.store_id
