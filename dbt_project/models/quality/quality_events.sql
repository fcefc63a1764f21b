{{ config(materialized='table') }}

{#- What checks ask of the events of a micro-batch. Windows end where events reach, so that a stream
    that stands still is the business of freshness alone. Null: there is nothing to be judged. -#}
with reach as (
    {{ events_reach() }}
),

last_receipts as (
    select
        store_id,
        max(event_ts) as last_ts
    from {{ ref('sales_lines') }}
    group by store_id
),

-- Stores that trade: one without stock keeping ends when it has been silent for long.
stores as (
    select
        stores.store_id,
        stores.timezone,
        stores.opens_at,
        stores.closes_at,
        stores.opened_ts,
        last_receipts.last_ts
    from {{ ref('stg_stores') }} as stores
    left join last_receipts on stores.store_id = last_receipts.store_id
    where stores.stock_tracking <> 'none'
        or coalesce(last_receipts.last_ts, stores.opened_ts)
        >= {{ as_of() }} - interval {{ var('silent_store_days') }} day
),

states as (
    select
        stores.*,
        reach.until_ts,
        {{ to_local('reach.until_ts', 'timezone') }} as local_until,
        {{ open_since(as_of()) }} as open_now_since_ts,
        {{ open_since('reach.until_ts') }} <= reach.until_ts - interval 1 hour as is_open_all_hour
    from stores
    cross join reach
),

last_hour as (
    select lines.*
    from {{ ref('sales_lines') }} as lines
    cross join reach
    where lines.event_ts > reach.until_ts - interval 1 hour
        and lines.event_ts <= reach.until_ts
),

-- The last full hour of each store that was open all through it, and the same of the weeks before.
full_hours as (
    select
        store_id,
        date_trunc('hour', local_until) - interval 1 hour as local_hour
    from states
    where {{ is_open_hour("date_trunc('hour', local_until) - interval 1 hour") }}
),

volumes as (
    select
        weeks.number as weeks_ago,
        count(lines.event_id) as line_count
    from full_hours
    cross join (select unnest(generate_series(0, {{ var('quality_weeks') }})) as number) as weeks
    left join {{ ref('sales_lines') }} as lines
        on full_hours.store_id = lines.store_id
        and lines.business_date = {{ add_days('cast(full_hours.local_hour as date)', '(-7 * weeks.number)') }}
        and lines.hour = extract(hour from full_hours.local_hour)
    group by weeks.number
),

-- A week without a line in that hour was not one of trade.
usual as (
    select
        max(line_count) filter (where weeks_ago = 0) as line_count,
        median(line_count) filter (where weeks_ago > 0 and line_count > 0) as median_count,
        count(*) filter (where weeks_ago > 0 and line_count > 0) as week_count
    from volumes
),

trading_hours as (
    select distinct
        cast(local_hour as date) as business_date,
        cast(extract(hour from local_hour) as integer) as hour
    from (
        select
            states.*,
            unnest(generate_series(
                date_trunc(
                    'hour',
                    greatest(
                        local_until - interval {{ var('quality_gap_days') }} day,
                        {{ to_local('(select min(event_ts) from ' ~ ref('sales_lines') ~ ')', 'timezone') }},
                        {{ to_local('opened_ts', 'timezone') }}
                    )
                ) + interval 1 hour,
                date_trunc('hour', local_until) - interval 1 hour,
                interval 1 hour
            )) as local_hour
        from states
        -- Where no hours are told, none is missing.
        where opens_at is not null and closes_at is not null
    ) as hours
    where {{ is_open_hour('local_hour') }}
),

hours_with_lines as (
    select distinct
        business_date,
        hour
    from {{ ref('sales_lines') }}
),

ledger as (
    select
        store_id,
        item_id,
        location,
        sum(qty_signed) as qty
    from {{ ref('stock_movements') }}
    group by store_id, item_id, location
)

select
    {{ measured(
        'sales_are_fresh', 'cleansed/sales_lines',
        'greatest(0, epoch(' ~ as_of() ~ ') - epoch(greatest(max(last_ts), min(open_now_since_ts))))',
    ) }}
from states
having count(open_now_since_ts) > 0

union all
select
    {{ measured(
        'sales_are_made', 'cleansed/sales_lines',
        "(select count(*) from last_hour where event_type = 'SALE')",
    ) }}
from states
having bool_or(is_open_all_hour)

union all
select
    {{ measured(
        'events_arrive_in_time', 'cleansed/sales_lines',
        'quantile_cont(epoch(ingest_ts) - epoch(event_ts), 0.95)',
    ) }}
from last_hour
-- What was recorded long ago is not late.
where source = 'stream'

union all
select
    {{ measured(
        'stores_report', 'cleansed/sales_lines',
        'count(*) filter (where store_id not in (select store_id from last_hour))',
        sample('store_id', 'store_id not in (select store_id from last_hour)'),
    ) }}
from states
where is_open_all_hour
having count(*) > 0

union all
select
    {{ measured(
        'volume_is_as_usual', 'cleansed/sales_lines',
        ratio('line_count', 'median_count'),
        "to_json({'lines': line_count, 'median': median_count})",
    ) }}
from usual
where week_count >= 2
    and median_count >= {{ var('quality_min_lines') }}

union all
select
    {{ measured(
        'hours_have_no_gaps', 'cleansed/sales_lines',
        'count(*) filter (where hours_with_lines.hour is null)',
        sample(
            "strftime(trading_hours.business_date, '%Y-%m-%d ') || lpad(cast(trading_hours.hour as varchar), 2, '0')",
            'hours_with_lines.hour is null',
        ),
    ) }}
from trading_hours
left join hours_with_lines
    on trading_hours.business_date = hours_with_lines.business_date
    and trading_hours.hour = hours_with_lines.hour
having count(*) > 0

union all
select
    {{ measured(
        'stock_is_not_negative', 'cleansed/stock_balances',
        'count(*) filter (where qty < 0)',
        sample("store_id || '/' || item_id || '/' || location", 'qty < 0'),
    ) }}
from {{ ref('stock_balances') }}
where location in ('shelf', 'warehouse')
having count(*) > 0

union all
select
    {{ measured(
        'ledger_balances', 'cleansed/stock_balances',
        'count(*) filter (where coalesce(balances.qty, 0) <> coalesce(ledger.qty, 0))',
        sample(
            "coalesce(balances.store_id, ledger.store_id) || '/' || coalesce(balances.item_id, ledger.item_id) || '/' || coalesce(balances.location, ledger.location)",
            'coalesce(balances.qty, 0) <> coalesce(ledger.qty, 0)',
        ),
    ) }}
from {{ ref('stock_balances') }} as balances
full join ledger
    on balances.store_id = ledger.store_id
    and balances.item_id = ledger.item_id
    and balances.location = ledger.location
having count(*) > 0

union all
select
    {{ measured(
        'nothing_is_in_the_future', 'cleansed/sales_lines',
        'count(*)',
        sample('event_id'),
    ) }}
from {{ ref('sales_lines') }}
where event_ts > ingest_ts + interval {{ var('quality_future_minutes') }} minute
