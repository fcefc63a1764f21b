{#- What DuckDB and Spark SQL say differently. Everything else in the models is common to both. -#}

{#- One row per element of a list. -#}
{% macro explode(list) %}{{ return(adapter.dispatch('explode')(list)) }}{% endmacro %}
{% macro default__explode(list) %}explode({{ list }}){% endmacro %}
{% macro duckdb__explode(list) %}unnest({{ list }}){% endmacro %}

{#- The same instant as local wall time. -#}
{% macro to_local(ts, zone) %}{{ return(adapter.dispatch('to_local')(ts, zone)) }}{% endmacro %}
{% macro default__to_local(ts, zone) %}from_utc_timestamp({{ ts }}, {{ zone }}){% endmacro %}
{% macro duckdb__to_local(ts, zone) %}({{ ts }} at time zone {{ zone }}){% endmacro %}

{#- 1 is Monday, 7 is Sunday. -#}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}
{#- Not weekday(): Sail takes Sunday for the day before Monday. -#}
{% macro default__iso_weekday(day) %}(pmod(dayofweek({{ day }}) + 5, 7) + 1){% endmacro %}
{% macro duckdb__iso_weekday(day) %}isodow({{ day }}){% endmacro %}

{% macro add_minutes(ts, minutes) %}{{ return(adapter.dispatch('add_minutes')(ts, minutes)) }}{% endmacro %}
{% macro default__add_minutes(ts, minutes) %}({{ ts }} + make_dt_interval(0, 0, {{ minutes }}, 0)){% endmacro %}
{% macro duckdb__add_minutes(ts, minutes) %}({{ ts }} + to_minutes({{ minutes }})){% endmacro %}

{% macro epoch_us(ts) %}{{ return(adapter.dispatch('epoch_us')(ts)) }}{% endmacro %}
{% macro default__epoch_us(ts) %}unix_micros({{ ts }}){% endmacro %}
{% macro duckdb__epoch_us(ts) %}epoch_us({{ ts }}){% endmacro %}

{% macro timestamp_type() %}{{ return(adapter.dispatch('timestamp_type')()) }}{% endmacro %}
{% macro default__timestamp_type() %}timestamp{% endmacro %}
{% macro duckdb__timestamp_type() %}timestamp with time zone{% endmacro %}

{% macro string_type() %}{{ return(adapter.dispatch('string_type')()) }}{% endmacro %}
{% macro default__string_type() %}string{% endmacro %}
{% macro duckdb__string_type() %}varchar{% endmacro %}

{#- SHA-1 of a text as 40 hexadecimal digits. -#}
{% macro sha1_of_uuid5_name(name) %}{{ return(adapter.dispatch('sha1_of_uuid5_name')(name)) }}{% endmacro %}
{% macro default__sha1_of_uuid5_name(name) %}sha1(concat(unhex('{{ uuid_namespace_url() }}'), encode({{ name }}, 'UTF-8'))){% endmacro %}
{% macro duckdb__sha1_of_uuid5_name(name) %}sha1(unhex('{{ uuid_namespace_url() }}') || encode({{ name }})){% endmacro %}

{#- The last value that is not null, up to the current row. -#}
{% macro last_known(value, partition_by, order_by) %}{{ return(adapter.dispatch('last_known')(value, partition_by, order_by)) }}{% endmacro %}
{% macro default__last_known(value, partition_by, order_by) -%}
    last_value({{ value }}) ignore nulls over (
        partition by {{ partition_by }} order by {{ order_by }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}
{% macro duckdb__last_known(value, partition_by, order_by) -%}
    last_value({{ value }} ignore nulls) over (
        partition by {{ partition_by }} order by {{ order_by }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(start, stop) %}{{ return(adapter.dispatch('days_between')(start, stop)) }}{% endmacro %}
{% macro default__days_between(start, stop) %}datediff({{ stop }}, {{ start }}){% endmacro %}
{% macro duckdb__days_between(start, stop) %}date_diff('day', {{ start }}, {{ stop }}){% endmacro %}

{#- The instant at which a day begins in a time zone. -#}
{% macro day_start(day, zone) %}{{ return(adapter.dispatch('day_start')(day, zone)) }}{% endmacro %}
{% macro default__day_start(day, zone) %}to_utc_timestamp(cast({{ day }} as timestamp), {{ zone }}){% endmacro %}
{% macro duckdb__day_start(day, zone) %}(cast({{ day }} as timestamp) at time zone {{ zone }}){% endmacro %}

{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}
{% macro default__add_days(day, days) %}date_add({{ day }}, {{ days }}){% endmacro %}
{% macro duckdb__add_days(day, days) %}cast({{ day }} + to_days({{ days }}) as date){% endmacro %}

{#- List of the days from one to another, which is not before it; to be cast to date once exploded. -#}
{% macro dates_between(start, stop) %}{{ return(adapter.dispatch('dates_between')(start, stop)) }}{% endmacro %}
{% macro default__dates_between(start, stop) %}sequence({{ start }}, {{ stop }}, interval 1 day){% endmacro %}
{% macro duckdb__dates_between(start, stop) %}generate_series({{ start }}, {{ stop }}, interval 1 day){% endmacro %}

{#- List of the numbers from 0 on. -#}
{% macro numbers_up_to(last) %}{{ return(adapter.dispatch('numbers_up_to')(last)) }}{% endmacro %}
{% macro default__numbers_up_to(last) %}sequence(0, {{ last }}){% endmacro %}
{% macro duckdb__numbers_up_to(last) %}generate_series(0, {{ last }}){% endmacro %}

{#- The value that a share of the values does not exceed, between two of them in proportion. -#}
{% macro quantile(value, share) %}{{ return(adapter.dispatch('quantile')(value, share)) }}{% endmacro %}
{% macro default__quantile(value, share) %}percentile({{ value }}, {{ share }}){% endmacro %}
{% macro duckdb__quantile(value, share) %}quantile_cont({{ value }}, {{ share }}){% endmacro %}

{#- The Monday of a day's week. -#}
{% macro week_start(day) -%}
{{ add_days(day, '(1 - ' ~ iso_weekday(day) ~ ')') }}
{%- endmacro %}
