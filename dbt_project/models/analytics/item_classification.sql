{{ config(materialized='table') }}

{#- How items sell, by store and over all stores of a currency. An item counts on every day on which
    it was on sale, sold or not: daily_product_sales has them all. -#}
with spans as (
    select
        store_id,
        cast({{ to_local(as_of(), 'timezone') }} as date) as today
    from {{ ref('dim_store') }}
),

days as (
    select
        sales.date_key,
        sales.store_id,
        sales.item_id,
        sales.category,
        sales.currency,
        sales.units_sold,
        sales.transactions,
        sales.net_sales,
        {{ days_between('sales.date_key', 'spans.today') }} as days_ago
    from {{ ref('daily_product_sales') }} as sales
    inner join spans on sales.store_id = spans.store_id
    where sales.date_key < spans.today
        and sales.date_key >= {{ add_days('spans.today', -(var('class_days') | int)) }}
),

-- Of all stores together, a day is one day.
item_days as (
    select
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        item_id,
        category,
        days_ago,
        sum(units_sold) as units,
        sum(transactions) as transactions,
        sum(net_sales) as net_sales
    from days
    group by grouping sets (
        (currency, item_id, category, days_ago, store_id), (currency, item_id, category, days_ago)
    )
),

weeks as (
    select
        store_id,
        currency,
        item_id,
        (days_ago - 1) // 7 as weeks_ago,
        sum(units) as units
    from item_days
    -- A week counts when it was over, and the item on sale in all of it.
    group by store_id, currency, item_id, weeks_ago
    having count(*) = 7
),

weekly as (
    select
        store_id,
        currency,
        item_id,
        {{ ratio('stddev_samp(units)', 'avg(units)') }} as cv_weekly
    from weeks
    where weeks_ago < 13
    group by store_id, currency, item_id
),

measured as (
    select
        store_id,
        currency,
        item_id,
        any_value(category) as category,
        sum(units) filter (where days_ago <= 30) as units_30d,
        sum(units) filter (where days_ago between 31 and 60) as units_prev_30d,
        count(*) filter (where days_ago <= 30) as days_on_sale_30d,
        count(*) filter (where days_ago between 31 and 60) as days_on_sale_prev_30d,
        sum(transactions) filter (where days_ago <= 30) as transactions_30d,
        sum(net_sales) as revenue,
        count(*) as days_on_sale,
        count(*) filter (where units > 0) as days_with_sales,
        min(days_ago) filter (where units > 0) as days_since_last_sale,
        -- The spread of what is sold on days with a sale, as Syntetos and Boylan measure it.
        pow({{ ratio('stddev_pop(units) filter (where units > 0)', 'avg(units) filter (where units > 0)') }}, 2) as cv2
    from item_days
    group by store_id, currency, item_id
),

stock as (
    select
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        item_id,
        sum(greatest(quantity_on_hand, 0) + greatest(wh_on_hand, 0)) as on_hand
    from {{ ref('current_inventory') }}
    group by grouping sets ((currency, item_id, store_id), (currency, item_id))
),

-- What is stocked and was never on sale in the period is here as well.
goods as (
    select
        coalesce(measured.store_id, stock.store_id) as store_id,
        coalesce(measured.currency, stock.currency) as currency,
        coalesce(measured.item_id, stock.item_id) as item_id,
        measured.* exclude (store_id, currency, item_id),
        stock.on_hand
    from measured
    full outer join stock
        on measured.store_id = stock.store_id
        and measured.currency = stock.currency
        and measured.item_id = stock.item_id
),

ranked as (
    select
        goods.*,
        {{ ratio('coalesce(goods.units_30d, 0)', 'goods.days_on_sale_30d') }} as avg_daily_units,
        {{ ratio(
            'sum(greatest(goods.revenue, 0)) over (partition by goods.store_id, goods.currency order by goods.revenue desc nulls last, goods.item_id rows between unbounded preceding and current row)',
            'sum(greatest(goods.revenue, 0)) over (partition by goods.store_id, goods.currency)'
        ) }} as revenue_share,
        {{ ratio('greatest(goods.revenue, 0)', 'sum(greatest(goods.revenue, 0)) over (partition by goods.store_id, goods.currency)') }} as own_share,
        {{ ratio('goods.days_on_sale', 'goods.days_with_sales') }} as adi
    from goods
),

covered as (
    select
        ranked.*,
        {{ ratio('on_hand', 'avg_daily_units') }} as days_of_cover,
        -- The slowest and the fastest tenth of what was on sale for a week.
        ntile(10) over (
            partition by store_id, currency, days_on_sale_30d >= 7 order by avg_daily_units, item_id
        ) as pace
    from ranked
),

ageing as (
    select
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        item_id,
        sum(qty_expiring_7d) as qty_expiring_7d
    from (
        select *
        from {{ ref('fact_inventory') }}
        qualify date_key = max(date_key) over (partition by store_id, item_id)
    ) as latest
    group by grouping sets ((currency, item_id, store_id), (currency, item_id))
),

-- Pieces that will expire within a week less what sells in a week.
expiring as (
    select
        covered.*,
        coalesce(ageing.qty_expiring_7d, 0) as qty_expiring_7d,
        coalesce(
            {{ ratio('greatest(ageing.qty_expiring_7d - 7 * coalesce(covered.avg_daily_units, 0), 0)', 'ageing.qty_expiring_7d') }}, 0
        ) as expiry_risk_score
    from covered
    left join ageing
        on covered.store_id = ageing.store_id
        and covered.currency = ageing.currency
        and covered.item_id = ageing.item_id
)

select
    expiring.store_id,
    expiring.currency,
    expiring.item_id,
    coalesce(expiring.category, products.category) as category,
    cast(coalesce(expiring.units_30d, 0) as bigint) as units_30d,
    cast(coalesce(expiring.days_on_sale_30d, 0) as integer) as days_on_sale_30d,
    expiring.avg_daily_units,
    cast(coalesce(expiring.transactions_30d, 0) as bigint) as transactions_30d,
    {{ growth_pct(
        ratio('coalesce(expiring.units_30d, 0)', 'expiring.days_on_sale_30d'),
        ratio('coalesce(expiring.units_prev_30d, 0)', 'expiring.days_on_sale_prev_30d')
    ) }} as demand_trend_pct,
    cast(coalesce(expiring.revenue, 0) as decimal(18, 2)) as revenue,
    expiring.revenue_share,
    case
        when coalesce(expiring.revenue, 0) <= 0 then 'C'
        {{ abc_class('expiring.revenue_share - expiring.own_share', '1') }}
    end as abc_class,
    weekly.cv_weekly,
    case when weekly.cv_weekly <= 0.5 then 'X' when weekly.cv_weekly <= 1 then 'Y' else 'Z' end as xyz_class,
    expiring.adi,
    expiring.cv2,
    case
        when expiring.adi is null then null
        when expiring.adi <= 1.32 and expiring.cv2 <= 0.49 then 'smooth'
        when expiring.adi <= 1.32 then 'erratic'
        when expiring.cv2 <= 0.49 then 'intermittent'
        else 'lumpy'
    end as demand_class,
    cast(expiring.on_hand as bigint) as on_hand,
    expiring.days_of_cover,
    case
        when expiring.on_hand > 0 and coalesce(expiring.units_30d, 0) = 0 then 'dead'
        when expiring.days_on_sale_30d >= 7
            and expiring.pace = 1
            and expiring.days_of_cover > {{ var('slow_days_of_stock') }} then 'slow'
        when expiring.days_on_sale_30d >= 7 and expiring.pace = 10 then 'fast'
        else 'normal'
    end as movement_class,
    cast(expiring.days_since_last_sale as integer) as days_since_last_sale,
    cast(expiring.qty_expiring_7d as bigint) as qty_expiring_7d,
    expiring.expiry_risk_score,
    -- The more of it would be left over, the more is taken off.
    case
        when expiring.expiry_risk_score = 0 then 0
        else 100 * {{ ratio('(select max(discount) from ' ~ ref('markdown_ladder') ~ ')', '1') }} * expiring.expiry_risk_score
    end as markdown_suggestion_pct
from expiring
left join weekly
    on expiring.store_id = weekly.store_id
    and expiring.currency = weekly.currency
    and expiring.item_id = weekly.item_id
left join {{ ref('dim_product') }} as products on expiring.item_id = products.item_id and products.is_current
