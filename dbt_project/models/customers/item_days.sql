{{ config(materialized='table') }}

-- An item counts from its first day on sale, and 0 where no store that has it sold any.
with sold as (
    select
        currency,
        item_id,
        date_key,
        sum(units_sold) as units_sold
    from {{ ref('daily_product_sales') }}
    group by currency, item_id, date_key
)

select
    sold.currency,
    sold.item_id,
    sold.date_key,
    days.bucket_start,
    days.days_ago,
    days.is_holiday,
    cast(sold.units_sold as bigint) as units_sold
from sold
inner join {{ ref('daily_series') }} as days
    on sold.currency = days.currency
    and sold.date_key = days.date_key
    and days.scope_type = 'all'
