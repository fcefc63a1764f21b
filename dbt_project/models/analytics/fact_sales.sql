{{ config(materialized='incremental', incremental_strategy='append') }}

select
    lines.event_id as sale_id,
    lines.business_date as date_key,
    cast(lines.hour as tinyint) as hour,
    lines.event_ts as transaction_time,
    {{ surrogate_key('lines.store_id') }} as store_key,
    products.product_key,
    case
        when lines.customer_id is null then 0
        else {{ surrogate_key('lines.customer_id') }}
    end as customer_key,
    {{ surrogate_key("concat(lines.store_id, '/', lines.transaction_id)") }} as transaction_key,
    lines.store_id,
    lines.item_id,
    products.category,
    lines.customer_id,
    lines.transaction_id,
    lines.original_transaction_id,
    lines.event_type,
    cast(case lines.event_type when 'SALE' then 1 else -1 end as tinyint) as sgn,
    lines.qty as quantity,
    lines.unit_price,
    lines.discount,
    lines.gross,
    lines.net,
    lines.discount_value,
    cast(coalesce(products.unit_cost, lines.unit_price * products.cost_ratio) as decimal(18, 4)) as unit_cost,
    cast(
        round(lines.qty * coalesce(products.unit_cost, lines.unit_price * products.cost_ratio), 2) as decimal(18, 2)
    ) as cost,
    cast(case lines.event_type when 'SALE' then lines.net else -lines.net end as decimal(18, 2)) as revenue,
    cast(
        case lines.event_type when 'SALE' then 1 else -1 end
        * (
            lines.net
            - round(lines.qty * coalesce(products.unit_cost, lines.unit_price * products.cost_ratio), 2)
        ) as decimal(18, 2)
    ) as profit,
    lines.currency,
    lines.payment_method,
    lines.country,
    lines.source,
    lines.is_merchandise,
    lines.load_seq
from {{ ref('sales_lines') }} as lines
inner join {{ ref('dim_product') }} as products
    on lines.item_id = products.item_id
    and lines.event_ts >= products.valid_from
    and (products.valid_to is null or lines.event_ts < products.valid_to)
where lines.load_seq > {{ seen_up_to('load_seq') }}
