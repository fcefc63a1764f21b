{{ config(materialized='table') }}

with sold as (
    select
        coalesce(lines.country, stores.country) as country,
        lines.currency,
        sum(lines.net) as revenue,
        count(distinct concat(lines.store_id, '/', lines.transaction_id)) as transactions
    from {{ ref('sales_lines') }} as lines
    inner join {{ ref('stg_stores') }} as stores on lines.store_id = stores.store_id
    inner join {{ ref('store_status') }} as status
        on lines.store_id = status.store_id and lines.business_date = status.business_date
    where lines.event_type = 'SALE'
        and lines.is_merchandise
        and lines.event_ts >= {{ hours_ago(26) }}
    group by 1, 2
)

select
    country,
    currency,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(transactions as bigint) as transactions,
    100 * {{ ratio('revenue', 'sum(revenue) over (partition by currency)') }} as share_pct
from sold
