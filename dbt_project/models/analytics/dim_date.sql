{{ config(materialized='table') }}

-- From the first year with data to the end of the year after as_of.
with bounds as (
    select
        make_date(cast(coalesce(
            (select min(extract(year from business_date)) from {{ ref('sales_lines') }}),
            extract(year from {{ as_of() }})
        ) as integer), 1, 1) as first_date,
        make_date(cast(extract(year from {{ as_of() }}) + 1 as integer), 12, 31) as last_date
),

days as (
    select cast(unnest(generate_series(first_date, last_date, interval 1 day)) as date) as date_key
    from bounds
),

-- Of the countries that have a store: a day is a holiday where it is one in any of them.
holidays as (
    select
        holiday_date,
        string_agg(distinct holiday_name, ' / ' order by holiday_name) as holiday_name
    from {{ ref('holidays') }}
    where country in (select country from {{ ref('stg_stores') }})
    group by holiday_date
),

traded as (
    select distinct business_date
    from {{ ref('sales_lines') }}
)

select
    days.date_key,
    cast(strftime(days.date_key, '%Y%m%d') as integer) as date_id,
    cast(isodow(days.date_key) as tinyint) as day_of_week,
    dayname(days.date_key) as day_name,
    cast(day(days.date_key) as smallint) as day_of_month,
    cast(dayofyear(days.date_key) as smallint) as day_of_year,
    cast(weekofyear(days.date_key) as smallint) as iso_week,
    cast(isoyear(days.date_key) as smallint) as iso_year,
    cast(month(days.date_key) as tinyint) as month,
    monthname(days.date_key) as month_name,
    cast(quarter(days.date_key) as tinyint) as quarter,
    cast(year(days.date_key) as smallint) as year,
    strftime(days.date_key, '%Y-%m') as year_month,
    isodow(days.date_key) >= 6 as is_weekend,
    holidays.holiday_date is not null as is_holiday,
    holidays.holiday_name,
    case
        when month(days.date_key) in (12, 1, 2) then 'winter'
        when month(days.date_key) in (3, 4, 5) then 'spring'
        when month(days.date_key) in (6, 7, 8) then 'summer'
        else 'autumn'
    end as season,
    month(days.date_key) in (11, 12) as is_holiday_season,
    month(days.date_key) in (6, 7, 8) as is_summer,
    traded.business_date is not null as is_trading_day,
    cast(day(last_day(days.date_key)) as tinyint) as days_in_month
from days
left join holidays on days.date_key = holidays.holiday_date
left join traded on days.date_key = traded.business_date
