{{ config(materialized='table') }}

{%- set of_week = 'period, store_id, currency' -%}
{%- set counted = ['transactions', 'units_sold', 'net_sales', 'sales_revenue', 'visitors'] %}

-- How often each weekday came in the period, once the store had begun to sell.
with weekdays as (
    select
        period,
        store_id,
        currency,
        {{ iso_weekday('day') }} as day_of_week,
        count(*) as occurrences
    from (
        select
            period,
            store_id,
            currency,
            cast(unnest(generate_series(greatest(first_date, since_date), last_date, interval 1 day)) as date) as day
        from {{ ref('analysis_periods') }}
    )
    group by all
),

visited as (
    select
        periods.period,
        visits.store_id,
        {{ iso_weekday('visits.date_key') }} as day_of_week,
        visits.hour,
        sum(visits.visitors) as visitors
    from {{ ref('hourly_visitors') }} as visits
    inner join {{ ref('analysis_periods') }} as periods
        on visits.store_id = periods.store_id
        and visits.date_key between periods.first_date and periods.last_date
    group by all
),

grid as (
    select
        periods.period,
        periods.store_id,
        periods.currency,
        weekday.day_of_week,
        clock.hour,
        {{ is_trading("(lpad(cast(clock.hour as varchar), 2, '0') || ':00')", 'stores.opens_at', 'stores.closes_at') }} as is_open
    from {{ ref('analysis_periods') }} as periods
    inner join {{ ref('dim_store') }} as stores on periods.store_id = stores.store_id
    cross join (select unnest(generate_series(1, 7)) as day_of_week) as weekday
    cross join (select unnest(generate_series(0, 23)) as hour) as clock
),

stores as (
    select
        grid.*,
        coalesce(weekdays.occurrences, 0) as occurrences,
        coalesce(sales.transactions, 0) as transactions,
        coalesce(sales.units_sold, 0) as units_sold,
        coalesce(sales.net_sales, 0) as net_sales,
        coalesce(sales.sales_revenue, 0) as sales_revenue,
        coalesce(visited.visitors, 0) as visitors
    from grid
    left join weekdays
        on grid.period = weekdays.period
        and grid.store_id = weekdays.store_id
        and grid.day_of_week = weekdays.day_of_week
    left join {{ ref('sales_by_period') }} as sales
        on sales.scope = 'store_hour'
        and grid.period = sales.period
        and grid.store_id = sales.store_id
        and grid.day_of_week = sales.day_of_week
        and grid.hour = sales.hour
    left join visited
        on grid.period = visited.period
        and grid.store_id = visited.store_id
        and grid.day_of_week = visited.day_of_week
        and grid.hour = visited.hour
),

-- A receipt is of one store: what stores count adds up.
cells as (
    select
        period,
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        currency,
        cast(day_of_week as tinyint) as day_of_week,
        cast(hour as tinyint) as hour,
        bool_or(is_open) as is_open,
        cast(max(occurrences) as bigint) as occurrences,
        {% for name in counted -%}
        cast(sum({{ name }}) as {{ 'decimal(18, 2)' if name in ('net_sales', 'sales_revenue') else 'bigint' }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from stores
    group by grouping sets ((period, store_id, currency, day_of_week, hour), (period, currency, day_of_week, hour))
),

averaged as (
    select
        *,
        coalesce({{ ratio('transactions', 'occurrences') }}, 0) as avg_transactions_per_occurrence,
        coalesce({{ ratio('net_sales', 'occurrences') }}, 0) as avg_net_sales_per_occurrence
    from cells
),

ranked as (
    select
        *,
        case
            when is_open
                then rank() over (partition by {{ of_week }}, is_open order by avg_transactions_per_occurrence desc)
        end as peak_rank,
        count(*) filter (where is_open) over (partition by {{ of_week }}) as open_cells,
        avg(avg_transactions_per_occurrence) filter (where is_open) over (partition by {{ of_week }}) as open_mean,
        stddev_pop(avg_transactions_per_occurrence) filter (where is_open) over (partition by {{ of_week }}) as open_sd
    from averaged
)

select
    period,
    store_id,
    currency,
    day_of_week,
    hour,
    is_open,
    occurrences,
    transactions,
    units_sold,
    net_sales,
    sales_revenue,
    visitors,
    avg_transactions_per_occurrence,
    avg_net_sales_per_occurrence,
    {{ ratio('sales_revenue', 'transactions') }} as avg_basket_value,
    {{ share_pct('transactions', 'partition by ' ~ of_week) }} as share_of_week_pct,
    peak_rank,
    coalesce(peak_rank <= ceil(0.1 * open_cells) and transactions > 0, false) as is_peak,
    {{ ratio('avg_transactions_per_occurrence - open_mean', 'open_sd') }} as z_vs_open_mean
from ranked
