{{ config(materialized='table') }}

select
    item_id,
    week_start_date,
    week_end_date,
    discount,
    cast(list_price * (1 - discount) as double) as planned_price
from {{ source('ref', 'weekly_discounts') }}
