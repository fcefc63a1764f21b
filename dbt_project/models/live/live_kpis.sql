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

today as (
    select
        scopes.scope_id,
        scopes.currency,
        sum(case lines.event_type when 'SALE' then lines.net else 0 end) as revenue_today,
        sum(case lines.event_type when 'RETURN' then lines.net else 0 end) as returns_today,
        sum(case lines.event_type when 'SALE' then lines.qty else 0 end) as units_today,
        count(distinct case
            when lines.event_type = 'SALE' then concat(lines.store_id, '/', lines.transaction_id)
        end) as transactions_today
    from {{ ref('sales_lines') }} as lines
    inner join scopes on lines.store_id = scopes.store_id and lines.business_date = scopes.business_date
    where lines.is_merchandise
        -- No day of a store is longer, or begins earlier.
        and lines.event_ts >= {{ hours_ago(26) }}
    group by scopes.scope_id, scopes.currency
),

recent as (
    select
        scopes.scope_id,
        scopes.currency,
        lines.item_id,
        lines.net,
        concat(lines.store_id, '/', lines.transaction_id) as receipt,
        lines.customer_id,
        -- The minute that runs is the first of the last five.
        lines.pane_start > {{ add_minutes(as_of(), -5) }} as is_of_5m
    from ({{ recent_sales(2) }}) as lines
    inner join scopes on lines.store_id = scopes.store_id
    where not lines.is_too_late
        and lines.pane_start > {{ add_minutes(as_of(), -60) }}
        and lines.pane_start <= {{ as_of() }}
),

hour as (
    select
        scope_id,
        currency,
        sum(net) as revenue_1h,
        sum(case when is_of_5m then net else 0 end) as revenue_5m,
        count(distinct receipt) as transactions_1h,
        count(distinct case when is_of_5m then receipt end) as transactions_5m,
        count(distinct customer_id) as active_customers_1h
    from recent
    group by scope_id, currency
),

items as (
    select
        scope_id,
        currency,
        item_id,
        row_number() over (partition by scope_id, currency order by sum(net) desc, item_id) as place
    from recent
    group by scope_id, currency, item_id
),

people as (
    select
        scopes.scope_id,
        scopes.currency,
        sum(status.people_in_store) as people_in_store
    from scopes
    inner join {{ ref('store_status') }} as status on scopes.store_id = status.store_id
    group by scopes.scope_id, scopes.currency
),

visits as (
    select
        scopes.scope_id,
        scopes.currency,
        sum(traffic.entries) as visits_today
    from {{ ref('store_traffic') }} as traffic
    inner join {{ ref('stg_stores') }} as stores on traffic.store_id = stores.store_id
    inner join scopes on traffic.store_id = scopes.store_id
    where traffic.pane_start_ts >= {{ day_start('scopes.business_date', 'stores.timezone') }}
    group by scopes.scope_id, scopes.currency
),

alerts as (
    select
        scopes.scope_id,
        scopes.currency,
        sum(case when alerts.alert_type <> 'near_expiry' and alerts.current_stock <= 0 then 1 else 0 end) as critical,
        sum(case when alerts.alert_type <> 'near_expiry' and alerts.current_stock > 0 then 1 else 0 end) as high,
        sum(case when alerts.alert_type = 'near_expiry' then 1 else 0 end) as medium
    from {{ ref('alerts') }} as alerts
    inner join scopes on alerts.store_id = scopes.store_id
    where alerts.is_active
    group by scopes.scope_id, scopes.currency
),

receipts as (
    select
        scopes.scope_id,
        scopes.currency,
        arrivals.event_ts,
        arrivals.ingest_ts,
        ({{ epoch_us('arrivals.ingest_ts') }} - {{ epoch_us('arrivals.event_ts') }}) / cast(1000 as double) as lag_ms,
        arrivals.ingest_ts >= {{ add_minutes(as_of(), -60) }} as is_recent
    from {{ ref('receipt_arrivals') }} as arrivals
    inner join scopes on arrivals.store_id = scopes.store_id
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
    people.scope_id as store_id,
    people.currency,
    {{ as_of() }} as as_of_ts,
    cast(coalesce(hour.revenue_5m, 0) as decimal(18, 2)) as revenue_5m,
    cast(coalesce(hour.revenue_1h, 0) as decimal(18, 2)) as revenue_1h,
    cast(coalesce(today.revenue_today, 0) as decimal(18, 2)) as revenue_today,
    cast(coalesce(hour.transactions_5m, 0) as bigint) as transactions_5m,
    cast(coalesce(hour.transactions_1h, 0) as bigint) as transactions_1h,
    cast(coalesce(today.transactions_today, 0) as bigint) as transactions_today,
    cast(coalesce(today.units_today, 0) as bigint) as units_today,
    {{ ratio('today.revenue_today', 'today.transactions_today') }} as atv_today,
    cast(coalesce(today.returns_today, 0) as decimal(18, 2)) as returns_today,
    cast(coalesce(hour.active_customers_1h, 0) as bigint) as active_customers_1h,
    cast(greatest(people.people_in_store, 0) as bigint) as people_in_store,
    cast(coalesce(visits.visits_today, 0) as bigint) as visits_today,
    {{ ratio('today.transactions_today', 'visits.visits_today') }} as conversion_today_rate,
    items.item_id as top_item_1h,
    cast(coalesce(alerts.critical, 0) as bigint) as open_alerts_critical,
    cast(coalesce(alerts.high, 0) as bigint) as open_alerts_high,
    cast(coalesce(alerts.medium, 0) as bigint) as open_alerts_medium,
    coalesce(stream.events_1m, 0) / cast(60 as double) as events_per_s_1m,
    stream.lag_p50_ms,
    stream.lag_p95_ms,
    stream.latest_event_ts,
    stream.latest_ingest_ts,
    cast(coalesce(stream.total_events, 0) as bigint) as total_events
from people
left join today on people.scope_id = today.scope_id and people.currency = today.currency
left join hour on people.scope_id = hour.scope_id and people.currency = hour.currency
left join items on people.scope_id = items.scope_id and people.currency = items.currency and items.place = 1
left join visits on people.scope_id = visits.scope_id and people.currency = visits.currency
left join alerts on people.scope_id = alerts.scope_id and people.currency = alerts.currency
left join stream on people.scope_id = stream.scope_id and people.currency = stream.currency
