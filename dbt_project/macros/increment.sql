{#- What an incremental model has seen already, and the time a run computes for. Both are known
    before a statement is planned, so that files and row groups beyond them are not even opened:
    other engines get literals. DuckDB gets variables, which it folds into constants just as well;
    the statements of a run are then the same each time, and can be executed again without dbt. -#}

{#- Highest value of a column in this model, 0 on a full refresh. -#}
{% macro seen_up_to(column, condition=none) -%}
    {%- if execute and is_incremental() -%}
        {%- set query -%}
            select coalesce(max({{ column }}), 0) from {{ this }}
            {%- if condition %} where {{ condition }}{% endif %}
        {%- endset -%}
        {{ return(adapter.dispatch('known_before')(query)) }}
    {%- endif -%}
    {{ return('0') }}
{%- endmacro %}

{% macro default__known_before(query) -%}
    {{ return(run_query(query).columns[0].values()[0]) }}
{%- endmacro %}

{% macro duckdb__known_before(query) -%}
    {%- set name = 'seen_' ~ local_md5(query) -%}
    {% call statement(name) %}set variable {{ name }} = ({{ query }}){% endcall %}
    {{ return("getvariable('" ~ name ~ "')") }}
{%- endmacro %}

{#- A number that a query gives, if this is an increment; 0 on a full refresh. -#}
{% macro known_if_incremental(query) -%}
    {%- if execute and is_incremental() -%}
        {{ return(adapter.dispatch('known_before')(query)) }}
    {%- endif -%}
    {{ return('0') }}
{%- endmacro %}

{#- The first date of spans with a from_date, if this is an increment; the beginning of time on a full
    refresh. -#}
{% macro first_date_of(spans) -%}
    {%- set epoch = "cast('1970-01-01' as date)" -%}
    {{ return(add_days(epoch, known_if_incremental(
        'select coalesce(min(' ~ days_between(epoch, 'from_date') ~ '), 0) from (' ~ spans ~ ') as spans'
    ))) }}
{%- endmacro %}

{#- Where the days of increments that begin with a date may begin: in other time zones up to a day
    earlier. -#}
{% macro first_ts_of(first_date) -%}
    {{ return('cast(' ~ add_days(first_date, -1) ~ ' as ' ~ timestamp_type() ~ ')') }}
{%- endmacro %}

{#- The first date of each item that is not told yet, or was not over when it was. -#}
{% macro next_dates(date_column) -%}
select
        store_id,
        item_id,
        coalesce(
            min(case when not is_closed then {{ date_column }} end),
            {{ add_days('max(' ~ date_column ~ ')', 1) }}
        ) as next_date
    from {{ this }}
    group by store_id, item_id
{%- endmacro %}

{#- Number of this load: rises by one with every run of an incremental model that adds rows. -#}
{% macro next_load() -%}
    {{ return('(' ~ seen_up_to('load_seq') ~ ' + 1)') }}
{%- endmacro %}

{#- The time that the run computes for. -#}
{% macro as_of() -%}
    {{ return(adapter.dispatch('as_of')()) }}
{%- endmacro %}

{% macro default__as_of() -%}
    {{ return("cast('" ~ var('as_of') ~ "' as " ~ timestamp_type() ~ ")") }}
{%- endmacro %}

{% macro duckdb__as_of() -%}
    {%- if execute -%}
        {% call statement('as_of') %}set variable as_of = {{ default__as_of() }}{% endcall %}
        {{ return("getvariable('as_of')") }}
    {%- endif -%}
    {{ return(default__as_of()) }}
{%- endmacro %}
