{{ config(materialized='table') }}

{#- Every store counts for itself and for all stores of its currency; what is distinct is counted
    anew there. Receipts are what the figures of the stream are about. -#}

with scopes as (
    select store_id, store_id as scope_id, currency, business_date
    from {{ ref('store_status') }}
    union all
    select store_id, 'ALL' as scope_id, currency, business_date
    from {{ ref('store_status') }}
),

lines as (
    select
        scopes.scope_id,
        scopes.currency,
        lines.item_id,
        lines.customer_id,
        lines.qty,
        lines.net,
        concat(lines.store_id, '/', lines.transaction_id) as receipt,
        lines.event_type = 'SALE' as is_sale,
        lines.business_date = scopes.business_date as is_today,
        -- The minute that runs is the first of the last five, and of the last sixty.
        lines.event_type = 'SALE'
            and lines.event_ts <= {{ as_of() }}
            and date_trunc('minute', lines.event_ts) > {{ add_minutes(as_of(), -60) }} as is_of_1h,
        lines.event_type = 'SALE'
            and lines.event_ts <= {{ as_of() }}
            and date_trunc('minute', lines.event_ts) > {{ add_minutes(as_of(), -5) }} as is_of_5m
    from {{ ref('sales_lines') }} as lines
    inner join scopes on lines.store_id = scopes.store_id
    where lines.is_merchandise
        -- No business day is longer.
        and lines.event_ts >= {{ hours_ago(26) }}
),

sold as (
    select
        scope_id,
        currency,
        sum(case when is_of_5m then net else 0 end) as revenue_5m,
        sum(case when is_of_1h then net else 0 end) as revenue_1h,
        sum(case when is_today and is_sale then net else 0 end) as revenue_today,
        count(distinct case when is_of_5m then receipt end) as transactions_5m,
        count(distinct case when is_of_1h then receipt end) as transactions_1h,
        count(distinct case when is_today and is_sale then receipt end) as transactions_today,
        sum(case when is_today and is_sale then qty else 0 end) as units_today,
        sum(case when is_today and not is_sale then net else 0 end) as returns_today,
        count(distinct case when is_of_1h then customer_id end) as active_customers_1h
    from lines
    group by scope_id, currency
),

items as (
    select
        scope_id,
        currency,
        item_id,
        row_number() over (partition by scope_id, currency order by sum(net) desc, item_id) as place
    from lines
    where is_of_1h
    group by scope_id, currency, item_id
),

visits as (
    select
        traffic.store_id,
        sum(traffic.entries) as visits_today
    from {{ ref('store_traffic') }} as traffic
    inner join {{ ref('store_status') }} as status
        on traffic.store_id = status.store_id
        and traffic.pane_start_ts >= {{ day_start('status.business_date', 'status.timezone') }}
    group by traffic.store_id
),

alerts as (
    select
        store_id,
        sum(case severity when 'CRITICAL' then 1 else 0 end) as critical,
        sum(case severity when 'HIGH' then 1 else 0 end) as high,
        sum(case severity when 'MEDIUM' then 1 else 0 end) as medium
    from {{ ref('alerts') }}
    where is_active
    group by store_id
),

-- What adds up over stores.
standing as (
    select
        scopes.scope_id,
        scopes.currency,
        greatest(sum(status.people_in_store), 0) as people_in_store,
        coalesce(sum(visits.visits_today), 0) as visits_today,
        coalesce(sum(alerts.critical), 0) as critical,
        coalesce(sum(alerts.high), 0) as high,
        coalesce(sum(alerts.medium), 0) as medium
    from scopes
    inner join {{ ref('store_status') }} as status on scopes.store_id = status.store_id
    left join visits on scopes.store_id = visits.store_id
    left join alerts on scopes.store_id = alerts.store_id
    group by scopes.scope_id, scopes.currency
),

-- What was recorded long ago is not late.
loaded as (
    select distinct receipt_event_id
    from {{ ref('sales_lines') }}
    where source <> 'stream'
        and ingest_ts >= {{ add_minutes(as_of(), -60) }}
),

receipts as (
    select
        scopes.scope_id,
        scopes.currency,
        arrivals.event_ts,
        arrivals.ingest_ts,
        ({{ epoch_us('arrivals.ingest_ts') }} - {{ epoch_us('arrivals.event_ts') }}) / cast(1000 as double) as lag_ms,
        arrivals.ingest_ts >= {{ add_minutes(as_of(), -60) }} and loaded.receipt_event_id is null as is_recent
    from {{ ref('receipt_arrivals') }} as arrivals
    inner join scopes on arrivals.store_id = scopes.store_id
    left join loaded on arrivals.event_id = loaded.receipt_event_id
),

stream as (
    select
        scope_id,
        currency,
        sum(
            case
                when event_ts > {{ add_minutes(as_of(), -1) }} and event_ts <= {{ as_of() }} then 1
                else 0
            end
        ) as events_1m,
        {{ quantile('case when is_recent then lag_ms end', 0.5) }} as lag_p50_ms,
        {{ quantile('case when is_recent then lag_ms end', 0.95) }} as lag_p95_ms,
        max(event_ts) as latest_event_ts,
        max(ingest_ts) as latest_ingest_ts,
        count(*) as total_events
    from receipts
    group by scope_id, currency
)

select
    standing.scope_id as store_id,
    standing.currency,
    {{ as_of() }} as as_of_ts,
    cast(coalesce(sold.revenue_5m, 0) as decimal(18, 2)) as revenue_5m,
    cast(coalesce(sold.revenue_1h, 0) as decimal(18, 2)) as revenue_1h,
    cast(coalesce(sold.revenue_today, 0) as decimal(18, 2)) as revenue_today,
    cast(coalesce(sold.transactions_5m, 0) as bigint) as transactions_5m,
    cast(coalesce(sold.transactions_1h, 0) as bigint) as transactions_1h,
    cast(coalesce(sold.transactions_today, 0) as bigint) as transactions_today,
    cast(coalesce(sold.units_today, 0) as bigint) as units_today,
    {{ ratio('sold.revenue_1h', 'sold.transactions_1h') }} as atv_1h,
    {{ ratio('sold.revenue_today', 'sold.transactions_today') }} as atv_today,
    cast(coalesce(sold.returns_today, 0) as decimal(18, 2)) as returns_today,
    cast(coalesce(sold.active_customers_1h, 0) as bigint) as active_customers_1h,
    cast(standing.people_in_store as bigint) as people_in_store,
    cast(standing.visits_today as bigint) as visits_today,
    {{ ratio('sold.transactions_today', 'standing.visits_today') }} as conversion_today_rate,
    items.item_id as top_item_1h,
    cast(standing.critical as bigint) as open_alerts_critical,
    cast(standing.high as bigint) as open_alerts_high,
    cast(standing.medium as bigint) as open_alerts_medium,
    coalesce(stream.events_1m, 0) / cast(60 as double) as events_per_s_1m,
    stream.lag_p50_ms,
    stream.lag_p95_ms,
    stream.latest_event_ts,
    stream.latest_ingest_ts,
    cast(coalesce(stream.total_events, 0) as bigint) as total_events
from standing
left join sold on standing.scope_id = sold.scope_id and standing.currency = sold.currency
left join items on standing.scope_id = items.scope_id and standing.currency = items.currency and items.place = 1
left join stream on standing.scope_id = stream.scope_id and standing.currency = stream.currency
