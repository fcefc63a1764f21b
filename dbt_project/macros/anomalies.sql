{#- The series that seasons and anomalies are told of, and how a value is judged. -#}

{#- What is measured of a scope, hour by hour and day by day. -#}
{% macro series_metrics() -%}
{{ return(['sales_revenue', 'net_sales', 'units_sold', 'transactions']) }}
{%- endmacro %}

{#- Series of categories: one value for every bucket in which the whole that they are part of has
    one, 0 where nothing of a category was sold.
    totals: dense series, with scope_type, scope_id and what else the series carry.
    cells: store_id, category, currency, the bucket and the metrics.
    whole, part: scope type of the totals, and of the categories within them. -#}
{% macro category_series(totals, cells, bucket, whole, part) -%}
select
    '{{ part }}' as scope_type,
    {% if part == 'category' %}listed.category{% else %}listed.store_id || '/' || listed.category{% endif %} as scope_id,
    totals.* exclude (scope_type, scope_id, {{ series_metrics() | join(', ') }}),
    {% for name in series_metrics() -%}
    coalesce(cells.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ totals }} as totals
inner join (select distinct store_id, category, currency from {{ cells }}) as listed
    on totals.currency = listed.currency and totals.scope_id = listed.store_id
left join {{ cells }} as cells
    on listed.store_id = cells.store_id
    and listed.category = cells.category
    and totals.currency = cells.currency
    and totals.{{ bucket }} = cells.{{ bucket }}
where totals.scope_type = '{{ whole }}'
{%- endmacro %}

{#- Sums of the metrics by category and bucket: of each store, and of all as store ALL. -#}
{% macro category_cells(sales, bucket) -%}
select
    coalesce(store_id, 'ALL') as store_id,
    category,
    currency,
    {{ bucket }},
    {% for name in series_metrics() -%}
    sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ sales }}
group by grouping sets ((category, currency, {{ bucket }}), (store_id, category, currency, {{ bucket }}))
{%- endmacro %}

{#- What a metric is compared with by its season: the same hours of the week, or weekdays, before.
    Two floors: one under the scale, and one under what is worth telling. -#}
{% macro seasonal_scores(referred, grain, per_day) -%}
{% for name in series_metrics() -%}
select
    scope_type,
    scope_id,
    currency,
    '{{ grain }}' as grain,
    bucket_start,
    '{{ name }}' as metric,
    'seasonal_mad' as method,
    cast({{ name }} as decimal(18, 2)) as value,
    {{ name }}_median as baseline,
    {{ seasonal_scale(name) }} as scale,
    weeks_before as n_ref,
    0.02 * {{ per_day }} * {{ ratio(name ~ '_of_month', 'buckets_of_month') }} as least_deviation,
    {% if grain == 'hour' -%}
    {{ trailing_reference(name) }},
    {%- else -%}
    cast(null as double) as moving_avg_24h,
    cast(null as double) as std_dev_24h,
    {%- endif %}
    {{ seasonal_reference(name) }}
from {{ referred }}
where weeks_before >= 4
{{ 'union all' if not loop.last }}
{% endfor %}
{%- endmacro %}

{#- How far a value usually is from the median of its season; not closer than a twentieth of a mean
    bucket with sales. -#}
{% macro seasonal_scale(name) -%}
greatest(1.4826 * {{ name }}_mad, 0.05 * {{ name }}_open_mean)
{%- endmacro %}

{#- What the seasonal score of a bucket refers to, whatever it is judged by; null with too few weeks. -#}
{% macro seasonal_reference(name) -%}
case when weeks_before >= 4 then {{ name }}_median end as seasonal_median,
    case when weeks_before >= 4 then {{ seasonal_scale(name) }} end as seasonal_scale
{%- endmacro %}

{#- Mean and deviation of the 24 hours before, whatever an hour is judged by; null with fewer. -#}
{% macro trailing_reference(name) -%}
case when hours_before = 24 then {{ name }}_mean end as moving_avg_24h,
    case when hours_before = 24 then {{ name }}_sd end as std_dev_24h
{%- endmacro %}

{#- References of the seasonal scores; scores look back only: a bucket is never part of what it is
    compared with. -#}
{% macro seasonal_references() -%}
count(*) over weeks_before as weeks_before,
        count(*) over month_before as buckets_of_month
        {%- for name in series_metrics() %},
        {{ name }},
        median(cast({{ name }} as double)) over weeks_before as {{ name }}_median,
        mad(cast({{ name }} as double)) over weeks_before as {{ name }}_mad,
        avg(cast(nullif({{ name }}, 0) as double)) over month_before as {{ name }}_open_mean,
        sum({{ name }}) over month_before as {{ name }}_of_month
        {%- endfor %}
{%- endmacro %}

{#- The windows of the references: eight weeks of the same season, and 28 days. -#}
{% macro seasonal_windows(season, per_day) -%}
month_before as (
            partition by scope_type, scope_id, currency order by bucket_start
            rows between {{ 28 * per_day }} preceding and 1 preceding
        ),
        weeks_before as (
            partition by scope_type, scope_id, currency, {{ season }} order by bucket_start
            rows between 8 preceding and 1 preceding
        )
{%- endmacro %}
