{{ config(materialized='table') }}

with lines as (
    {{ recent_sales(var('sale_alert_hours')) }}
),

markdowns as (
    select
        lines.event_id,
        max(commands.discount) as discount
    from lines
    inner join {{ ref('issued_commands') }} as commands
        on lines.store_id = commands.store_id
        and lines.item_id = commands.item_id
        and lines.batch_code = commands.batch_code
        and lines.event_ts >= commands.valid_from_ts
        and lines.event_ts < commands.valid_to_ts
    where commands.command_type = 'markdown'
    group by lines.event_id
),

compared as (
    select
        lines.*,
        -- Of too few sales nobody knows what is usual.
        case when known.sale_lines >= {{ var('min_reference_lines') }} then known.high_net end as high_net,
        known.median_price,
        -- A markdown comes on top of the promotion of the week.
        1 - (1 - coalesce(weekly.discount, 0)) * (1 - coalesce(markdowns.discount, 0)) as planned_discount
    from lines
    left join {{ ref('sale_references') }} as known
        on lines.store_id = known.store_id
        and lines.item_id = known.item_id
        and {{ week_start('lines.business_date') }} = known.week_start
    left join {{ ref('stg_weekly_discounts') }} as weekly
        on lines.item_id = weekly.item_id
        and lines.business_date >= weekly.week_start_date
        and lines.business_date <= weekly.week_end_date
    left join markdowns on lines.event_id = markdowns.event_id
),

judged as (
    select
        compared.*,
        'HIGH_VALUE_SALE' as alert_type,
        case when net > {{ var('high_value_sale') }} then 'HIGH' else 'MEDIUM' end as severity,
        cast(net as double) as current_value,
        least(cast({{ var('high_value_sale') }} as double), coalesce(high_net, {{ var('high_value_sale') }})) as threshold_value
    from compared
    where net > {{ var('high_value_sale') }} or net > high_net
    union all
    select
        compared.*,
        'PRICE_ANOMALY' as alert_type,
        'MEDIUM' as severity,
        cast(unit_price as double) as current_value,
        median_price as threshold_value
    from compared
    where abs(unit_price / nullif(median_price, 0) - 1) > {{ var('price_anomaly_share') }}
    union all
    select
        compared.*,
        'DISCOUNT_ANOMALY' as alert_type,
        'MEDIUM' as severity,
        cast(discount as double) as current_value,
        planned_discount + {{ var('discount_anomaly') }} as threshold_value
    from compared
    where discount > planned_discount + {{ var('discount_anomaly') }}
)

select
    alert_type,
    event_id,
    severity,
    event_ts,
    store_id,
    item_id,
    transaction_id,
    qty,
    unit_price,
    discount,
    net,
    currency,
    current_value,
    threshold_value
from judged
