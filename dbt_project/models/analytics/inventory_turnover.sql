{{ config(materialized='table') }}

-- A day of an item counts once, however often it was written down.
with days as (
    select distinct
        date_key,
        store_id,
        item_id,
        category,
        currency,
        opening_qty,
        received_qty + shelf_in_qty as offered_qty,
        tw_avg_qty + wh_tw_avg_qty as avg_units,
        (tw_avg_qty + wh_tw_avg_qty) * unit_cost as avg_cost
    from {{ ref('fact_inventory') }}
    where is_closed
),

-- Sales of a day of an item are one row as well: nothing is multiplied.
traded as (
    select
        days.*,
        coalesce(sales.units_sold, 0) as units_sold,
        coalesce(sales.net_units, 0) as net_units,
        coalesce(sales.net_sales, 0) as net_sales,
        coalesce(sales.cogs, 0) as cogs,
        coalesce(sales.gross_profit, 0) as gross_profit
    from days
    left join {{ ref('daily_product_sales') }} as sales
        on days.date_key = sales.date_key
        and days.store_id = sales.store_id
        and days.item_id = sales.item_id
),

spans as (
    select
        stores.store_id,
        periods.period_days,
        {{ add_days('stores.today', '-periods.period_days') }} as from_date
    from (
        select store_id, cast({{ to_local(as_of(), 'timezone') }} as date) as today
        from {{ ref('dim_store') }}
    ) as stores
    cross join (select {{ inventory_periods() }} as period_days) as periods
),

within as (
    select
        spans.period_days,
        traded.*,
        -- What was there when the period, or the item in it, began.
        case
            when row_number() over (
                partition by spans.period_days, traded.store_id, traded.item_id order by traded.date_key
            ) = 1 then traded.opening_qty
            else 0
        end as first_qty
    from traded
    inner join spans on traded.store_id = spans.store_id and traded.date_key >= spans.from_date
),

cells as (
    select
        period_days,
        {{ stock_scopes() }},
        count(distinct date_key) as days,
        sum(cogs) as cogs,
        sum(net_sales) as net_sales,
        sum(gross_profit) as gross_profit,
        sum(net_units) as units_net_sold,
        sum(units_sold) as units_sold,
        sum(first_qty) + sum(offered_qty) as offered_qty,
        sum(avg_cost) / count(distinct date_key) as avg_inventory_cost,
        sum(avg_units) / count(distinct date_key) as avg_inventory_units,
        count(distinct date_key) filter (where units_sold > 0) as days_with_sales
    from within
    group by {{ stock_scope_sets() }}
),

turned as (
    select
        *,
        {{ ratio('cogs', 'avg_inventory_cost') }} as turns_period,
        {{ ratio('cogs', 'avg_inventory_cost') }} * 365 / days as turns_annualised
    from cells
)

select
    concat(period_days, 'd') as period,
    store_id,
    currency,
    category,
    item_id,
    cast(days as integer) as days,
    cast(cogs as decimal(18, 2)) as cogs,
    cast(net_sales as decimal(18, 2)) as net_sales,
    cast(gross_profit as decimal(18, 2)) as gross_profit,
    cast(units_net_sold as bigint) as units_net_sold,
    cast(avg_inventory_cost as double) as avg_inventory_cost,
    cast(avg_inventory_units as double) as avg_inventory_units,
    turns_period,
    turns_annualised,
    {{ ratio('365', 'turns_annualised') }} as days_inventory_outstanding,
    100 * {{ ratio('units_sold', 'offered_qty') }} as sell_through_pct,
    {{ ratio('gross_profit', 'avg_inventory_cost') }} as gmroi,
    {{ ratio('avg_inventory_cost', 'net_sales') }} as stock_to_sales_ratio,
    cast(days_with_sales as integer) as days_with_sales,
    case
        when avg_inventory_units = 0 then 'none'
        when units_sold = 0 then 'dead'
        when {{ ratio('365', 'turns_annualised') }} <= {{ var('fast_days_of_stock') }} then 'fast'
        when {{ ratio('365', 'turns_annualised') }} <= {{ var('slow_days_of_stock') }} then 'normal'
        else 'slow'
    end as turnover_class
from turned
