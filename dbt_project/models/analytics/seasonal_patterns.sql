{{ config(materialized='table') }}

with lines as (
    select
        sales.*,
        cast(month(sales.date_key) as tinyint) as month,
        cast({{ iso_weekday('sales.date_key') }} as tinyint) as day_of_week,
        coalesce(stores.region, 'UNKNOWN') as region
    from {{ ref('closed_sales') }} as sales
    inner join {{ ref('dim_store') }} as stores on sales.store_id = stores.store_id
    inner join {{ ref('analysis_periods') }} as periods
        on sales.store_id = periods.store_id
        and periods.period = 'all'
        and sales.date_key between {{ add_days('periods.last_date', -364) }} and periods.last_date
    where sales.is_merchandise
),

-- Days on which the region traded, whatever it sold.
traded as (
    select month, day_of_week, region, currency, cast(count(distinct date_key) as bigint) as occurrences
    from lines
    group by month, day_of_week, region, currency
),

cells as (
    select
        month,
        day_of_week,
        region,
        currency,
        category,
        {{ sales_measures() }}
    from lines
    group by month, day_of_week, region, currency, category
)

select
    cells.month,
    cells.day_of_week,
    cells.day_of_week >= 6 as is_weekend,
    cells.category,
    cells.region,
    cells.currency,
    {% for name in sales_measure_names() -%}
    cells.{{ name }},
    {% endfor -%}
    {{ sales_ratios('cells.') }},
    traded.occurrences,
    {{ ratio('cells.units_sold', 'traded.occurrences') }} as avg_daily_units,
    {{ ratio('cells.net_sales', 'traded.occurrences') }} as avg_daily_net_sales
from cells
inner join traded
    on cells.month = traded.month
    and cells.day_of_week = traded.day_of_week
    and cells.region = traded.region
    and cells.currency = traded.currency
