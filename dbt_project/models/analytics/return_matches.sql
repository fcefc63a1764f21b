{{ config(materialized='table') }}

-- A return belongs to the sale on the receipt it names, else to the last sale of the item to the
-- same customer.
with returned as (
    select
        sale_id as return_id,
        store_id,
        item_id,
        customer_id,
        original_transaction_id,
        date_key as return_date,
        transaction_time as returned_ts,
        quantity as units
    from {{ ref('fact_sales') }}
    where is_merchandise and sgn = -1
),

-- What was sold of an item on one receipt, of items that ever came back.
sold as (
    select
        store_id,
        transaction_id,
        item_id,
        any_value(customer_id) as customer_id,
        min(date_key) as sale_date,
        min(transaction_time) as sold_ts,
        sum(quantity) as sold_units
    from {{ ref('fact_sales') }}
    where is_merchandise
        and sgn = 1
        and item_id in (select item_id from returned)
    group by store_id, transaction_id, item_id
),

by_receipt as (
    select returned.return_id, 'receipt' as matched_by, sold.*
    from returned
    inner join sold
        on returned.store_id = sold.store_id
        and returned.original_transaction_id = sold.transaction_id
        and returned.item_id = sold.item_id
),

by_customer as (
    select
        returned.return_id,
        'customer' as matched_by,
        max_by(sold, (sold.sold_ts, sold.store_id, sold.transaction_id)) as sale
    from returned
    inner join sold
        on returned.customer_id = sold.customer_id
        and returned.item_id = sold.item_id
        and sold.sold_ts <= returned.returned_ts
    where returned.return_id not in (select return_id from by_receipt)
    group by returned.return_id
),

matched as (
    select return_id, matched_by, store_id, transaction_id, sale_date, sold_units
    from by_receipt
    union all
    select return_id, matched_by, sale.store_id, sale.transaction_id, sale.sale_date, sale.sold_units
    from by_customer
),

-- Of one sale no more can come back than was sold: what came first counts.
ordered as (
    select
        returned.*,
        matched.matched_by,
        matched.store_id as sale_store_id,
        matched.transaction_id as sale_transaction_id,
        matched.sale_date,
        matched.sold_units,
        coalesce(
            sum(returned.units) over (
                partition by matched.store_id, matched.transaction_id, returned.item_id
                order by returned.returned_ts, returned.return_id
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as units_before
    from returned
    left join matched on returned.return_id = matched.return_id
)

select
    return_id,
    store_id,
    item_id,
    customer_id,
    return_date,
    cast(units as bigint) as units,
    matched_by,
    sale_store_id,
    sale_transaction_id,
    sale_date,
    cast({{ days_between('sale_date', 'return_date') }} as bigint) as days_to_return,
    cast(
        case when matched_by is not null then greatest(0, least(units, sold_units - units_before)) else 0 end as bigint
    ) as matched_units
from ordered
