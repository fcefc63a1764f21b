{{ config(materialized='table') }}

with lines as (
    {{ dated_lines() }}
        and sales.sgn = 1
)

select
    currency,
    store_id,
    transaction_id,
    min(date_key) as date_key,
    min(days_ago) as days_ago,
    cast(min(hour) as tinyint) as hour,
    cast(sum(net) as decimal(18, 2)) as value,
    cast(sum(quantity) as bigint) as pieces,
    count(distinct item_id) as items,
    coalesce({{ ratio('sum(discount_value)', 'sum(gross)') }}, 0) as discount_rate
from lines
where days_ago <= {{ var('receipt_days') }}
group by currency, store_id, transaction_id
