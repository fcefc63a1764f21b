{#- What the summaries of sales share. A rule of the measures stands here once. -#}

{#- Whole number that stands for a natural key, the same on every machine. -#}
{% macro surrogate_key(text) -%}
cast(md5_number_lower({{ text }}) >> 1 as bigint)
{%- endmacro %}

{#- The measures of a group of rows of fact_sales. Counts of distinct things do not add up over
    cells, so every summary counts them itself, from the lines; from parts of receipts, where the
    number of their lines is added up. -#}
{% macro sales_measures(lines='count(*)') -%}
cast(coalesce({{ lines }} filter (where sgn = 1), 0) as bigint) as sale_lines,
    cast(coalesce({{ lines }} filter (where sgn = -1), 0) as bigint) as return_lines,
    cast(count(distinct transaction_key) filter (where sgn = 1) as bigint) as transactions,
    cast(count(distinct transaction_key) filter (where sgn = -1) as bigint) as return_transactions,
    cast(coalesce(sum(quantity) filter (where sgn = 1), 0) as bigint) as units_sold,
    cast(coalesce(sum(quantity) filter (where sgn = -1), 0) as bigint) as units_returned,
    cast(coalesce(sum(sgn * quantity), 0) as bigint) as net_units,
    cast(coalesce(sum(gross) filter (where sgn = 1), 0) as decimal(18, 2)) as gross_sales,
    cast(coalesce(sum(discount_value) filter (where sgn = 1), 0) as decimal(18, 2)) as discount_value,
    cast(coalesce(sum(net) filter (where sgn = 1), 0) as decimal(18, 2)) as sales_revenue,
    cast(coalesce(sum(net) filter (where sgn = -1), 0) as decimal(18, 2)) as returns_value,
    cast(coalesce(sum(revenue), 0) as decimal(18, 2)) as net_sales,
    cast(coalesce(sum(sgn * cost), 0) as decimal(18, 2)) as cogs,
    cast(coalesce(sum(profit), 0) as decimal(18, 2)) as gross_profit,
    cast(count(distinct customer_id) filter (where sgn = 1) as bigint) as customers,
    cast(count(distinct transaction_key) filter (where sgn = 1 and customer_id is null) as bigint) as anon_transactions
{%- endmacro %}

{#- Names of the measures, for models that carry them on. -#}
{% macro sales_measure_names() -%}
{{ return(var('sales_measures').keys() | list) }}
{%- endmacro %}

{#- What follows from the measures (`sales_ratios` in dbt_project.yml). Never averaged: always divided
    anew. -#}
{% macro sales_ratios(prefix='') -%}
{% for name, parts in var('sales_ratios').items() -%}
{{ '100 * ' if name.endswith('_pct') }}{{ ratio(prefix ~ parts[0], prefix ~ parts[1]) }} as {{ name }}{{ ',\n    ' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{#- A quotient as a floating point number; null over zero. -#}
{% macro ratio(numerator, denominator) -%}
(cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0))
{%- endmacro %}

{#- A change in percent; null where there was nothing before. -#}
{% macro growth_pct(current, previous) -%}
(100 * {{ ratio('(' ~ current ~ ' - ' ~ previous ~ ')', previous) }})
{%- endmacro %}

{#- Number of the newest load of fact_sales: what a summary has been built from. -#}
{% macro newest_sales_load() -%}
cast(coalesce((select max(load_seq) from {{ ref('fact_sales') }}), 0) as bigint)
{%- endmacro %}

{#- Condition on rows of fact_sales: merchandise, and in a cell that something has come for since
    this model was built; on a full refresh in any cell. -#}
{% macro in_touched(columns) -%}
is_merchandise
    {%- if is_incremental() %}
    and ({{ columns }}) in (
        select distinct {{ columns }}
        from {{ ref('fact_sales') }}
        where is_merchandise and load_seq > {{ seen_up_to('load_seq') }}
    )
    {%- endif %}
{%- endmacro %}

{#- What the goods of items that nobody has categorised are called. -#}
{% macro uncategorised() %}'UNCATEGORISED'{% endmacro %}
