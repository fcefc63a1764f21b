{#- The spans that figures are told for, and the formulas that several of them share. -#}

{#- Name and number of days of the periods that end with the last complete business day. -#}
{% macro period_lengths() -%}
{{ return({'7d': 7, '30d': 30, '90d': 90}) }}
{%- endmacro %}

{#- The business date at as_of, which is not over. -#}
{% macro open_date(zone) -%}
cast({{ to_local(as_of(), zone) }} as date)
{%- endmacro %}

{#- A part of its total, in percent. -#}
{% macro share_pct(value, total_over) -%}
(100 * {{ ratio(value, 'sum(' ~ value ~ ') over (' ~ total_over ~ ')') }})
{%- endmacro %}

{#- Class of an item by what is sold of those that sell more; one that a bound runs through belongs
    to the class above it. -#}
{% macro abc_class(before, total) -%}
when {{ before }} < {{ var('abc_a_share') }} * {{ total }} then 'A'
        when {{ before }} < {{ var('abc_b_share') }} * {{ total }} then 'B'
        else 'C'
{%- endmacro %}

{#- Which share of the others a value leaves behind or draws level with, from 0 to 1. Who is alone is
    the best; nulls take no part. -#}
{% macro percentile(value, among) -%}
case
    when {{ value }} is null then null
    when count({{ value }}) over (partition by {{ among }}) = 1 then 1
    else percent_rank() over (partition by {{ among }}, {{ value }} is null order by {{ value }})
end
{%- endmacro %}

{#- Sales of the periods, by one of the scopes of sales_by_period. -#}
{% macro sales_by(scope, member) -%}
select
    period,
    currency,
    {{ member }},
    {% for name in sales_measure_names() -%}
    {{ name }},
    {% endfor -%}
    {{ sales_ratios() }},
    {{ share_pct('sales_revenue', 'partition by period, currency') }} as revenue_share_pct,
    growth_prev_period_pct
from {{ ref('sales_by_period') }}
where scope = '{{ scope }}'
{%- endmacro %}

{#- Bound of the 95 % interval of a proportion (Wilson 1927), in percent; a part that exceeds the whole
    counts as the whole. -#}
{% macro wilson_pct(part, whole, sign) -%}
{%- set whole = 'nullif(' ~ whole ~ ', 0)' -%}
{%- set p = 'least(1, ' ~ ratio(part, whole) ~ ')' -%}
{%- set z = '1.959964' -%}
(
    100
    * ({{ p }} + {{ z }} * {{ z }} / (2 * {{ whole }})
        {{ sign }} {{ z }} * sqrt({{ p }} * (1 - {{ p }}) / {{ whole }} + {{ z }} * {{ z }} / (4 * pow({{ whole }}, 2))))
    / (1 + {{ z }} * {{ z }} / {{ whole }})
)
{%- endmacro %}

{#- Bound of what chance alone makes of a percentage in a number of trials: 95 of 100 samples lie
    between both. -#}
{% macro chance_pct(pct, whole, sign) -%}
{%- set p = 'least(1, ' ~ pct ~ ' / 100)' -%}
least(100, greatest(0, 100 * ({{ p }} {{ sign }} 1.959964 * sqrt({{ p }} * (1 - {{ p }}) / {{ whole }}))))
{%- endmacro %}

{#- One row per time zone that hours of a scope are told in: that of the store; of a total, the one
    that all its stores share, else UTC. -#}
{% macro scope_zones() -%}
select store_id, currency, timezone
from {{ ref('dim_store') }}
union all
select
    'ALL' as store_id,
    currency,
    case when min(timezone) = max(timezone) then min(timezone) else 'UTC' end as timezone
from {{ ref('dim_store') }}
group by currency
{%- endmacro %}
