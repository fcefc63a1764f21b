{#- What the models that measure quality share. -#}

{#- Until when events reach, of whatever kind: what is later is still on its way, and no gap. -#}
{% macro events_reach() -%}
    select least({{ as_of() }}, coalesce(max(event_ts), {{ as_of() }})) as until_ts
    from (
        select max(event_ts) as event_ts from {{ ref('sales_lines') }}
        union all
        select max(event_ts) as event_ts from {{ ref('foot_traffic') }}
        union all
        select max(event_ts) as event_ts from {{ ref('stock_movements') }}
    ) as newest
{%- endmacro %}

{#- Since when a store has been open at a time; null when it is closed. One that does not tell its
    hours always is. -#}
{% macro open_since(ts) -%}
    case
        when opened_ts > {{ ts }} then null
        when opens_at is null or closes_at is null then opened_ts
        when {{ is_trading("strftime(" ~ to_local(ts, 'timezone') ~ ", '%H:%M')", 'opens_at', 'closes_at') }}
            then greatest(
                opened_ts, {{ clock_ts('cast(' ~ to_local(ts, 'timezone') ~ ' as date)', 'opens_at', 'timezone') }}
            )
    end
{%- endmacro %}

{#- Whether a store is open all through an hour of its local time. -#}
{% macro is_open_hour(local_hour) -%}
    (
        opens_at is null
        or closes_at is null
        or (
            {{ is_trading("strftime(" ~ local_hour ~ ", '%H:%M')", 'opens_at', 'closes_at') }}
            and {{ is_trading("strftime(" ~ local_hour ~ " + interval 59 minute, '%H:%M')", 'opens_at', 'closes_at') }}
        )
    )
{%- endmacro %}

{#- A few of the values of a column, as JSON; null when there are none. -#}
{% macro sample(value, filter='true') -%}
    cast(
        to_json(list({{ value }} order by {{ value }}) filter (where {{ filter }})[:{{ var('quality_samples') }}]) as varchar
    )
{%- endmacro %}

{#- A row of what was measured. -#}
{% macro measured(check, asset, observed, sample='null', scope="'ALL'") -%}
    '{{ check }}' as check_name,
    '{{ asset }}' as asset,
    {{ scope }} as scope,
    cast({{ observed }} as double) as observed,
    cast({{ sample }} as varchar) as sample_json
{%- endmacro %}
