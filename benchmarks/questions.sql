-- What a dashboard asks: first of the lines, then of what was added up beforehand. Both give the
-- same rows. `last_day` is the last day with sales.

-- name: net sales and receipts by day, 30 days
-- class: trends and KPIs
select date_key, currency, sum(revenue), count(distinct transaction_key) filter (where sgn = 1)
from analytics.fact_sales
where is_merchandise and date_key > getvariable('last_day') - 30
group by all;
select date_key, currency, net_sales, transactions
from analytics.daily_store_sales
where store_id = 'ALL' and date_key > getvariable('last_day') - 30;

-- name: net sales, profit and pieces of each store on the last day
-- class: trends and KPIs
select store_id, sum(revenue), sum(profit), coalesce(sum(quantity) filter (where sgn = 1), 0)
from analytics.fact_sales
where is_merchandise and date_key = getvariable('last_day')
group by all;
select store_id, net_sales, gross_profit, units_sold
from analytics.daily_store_sales
where store_id <> 'ALL' and date_key = getvariable('last_day');

-- name: net sales by store, 30 days
-- class: trends and KPIs
select store_id, sum(revenue)
from analytics.fact_sales
where is_merchandise and date_key > getvariable('last_day') - 30
group by all;
select store_id, sum(net_sales)
from analytics.daily_store_sales
where store_id <> 'ALL' and date_key > getvariable('last_day') - 30
group by all;

-- name: net sales and pieces by category, 30 days
-- class: trends and KPIs
select category, sum(revenue), coalesce(sum(quantity) filter (where sgn = 1), 0)
from analytics.fact_sales
where is_merchandise and date_key > getvariable('last_day') - 30
group by all;
select category, sum(net_sales), sum(units_sold)
from analytics.daily_sales_summary
where date_key > getvariable('last_day') - 30
group by all;

-- name: net sales by hour, 7 days
-- class: trends and KPIs
select date_trunc('hour', transaction_time), sum(revenue)
from analytics.fact_sales
where is_merchandise and transaction_time >= getvariable('last_day') - interval 6 days
group by all;
select hour_start, sum(net_sales)
from analytics.hourly_store_sales
where store_id <> 'ALL' and hour_start >= getvariable('last_day') - interval 6 days
group by all;

-- name: net sales by weekday and hour
-- class: trends and KPIs
select isodow(transaction_time), hour(transaction_time), sum(revenue)
from analytics.fact_sales
where is_merchandise
group by all;
select isodow(hour_start), hour(hour_start), sum(net_sales)
from analytics.hourly_store_sales
where store_id <> 'ALL'
group by all;

-- name: ten best sellers, 30 days
-- class: trends and KPIs
select item_id, sum(net) filter (where sgn = 1) as sold
from analytics.fact_sales
where is_merchandise and date_key > getvariable('last_day') - 30
group by all
order by sold desc nulls last, item_id
limit 10;
select item_id, sum(sales_revenue) as sold
from analytics.daily_product_sales
where date_key > getvariable('last_day') - 30
group by all
order by sold desc, item_id
limit 10;

-- name: returned pieces of the items that came back, 30 days
-- class: trends and KPIs
select item_id, sum(quantity) filter (where sgn = -1) as returned
from analytics.fact_sales
where is_merchandise and date_key > getvariable('last_day') - 30
group by all
having returned > 0;
select item_id, sum(units_returned) as returned
from analytics.daily_product_sales
where date_key > getvariable('last_day') - 30
group by all
having returned > 0;

-- name: net sales by month and category
-- class: trends and KPIs
select date_trunc('month', date_key), category, sum(revenue)
from analytics.fact_sales
where is_merchandise
group by all;
select date_trunc('month', date_key), category, sum(net_sales)
from analytics.daily_sales_summary
group by all;

-- name: sales, receipts, pieces and profit by day, store and category
-- class: whole cube
select
    date_key,
    store_id,
    category,
    sum(revenue),
    count(distinct transaction_key) filter (where sgn = 1),
    coalesce(sum(quantity) filter (where sgn = 1), 0),
    sum(profit)
from analytics.fact_sales
where is_merchandise
group by all;
select date_key, store_id, category, net_sales, transactions, units_sold, gross_profit
from analytics.daily_sales_summary;
