{#- Place of an entry on its stream as one number: milliseconds and sequence. -#}
{% macro stream_order() -%}
    cast(split_part(stream_id, '-', 1) as bigint) * 1048576
        + cast(split_part(stream_id, '-', 2) as bigint)
{%- endmacro %}

{#- Numbers the arrivals of an id; a second one is the same thing sent again, the first counts. -#}
{% macro arrival_no(id, order='ingest_batch, stream_order, entry_index') -%}
    row_number() over (partition by {{ id }} order by {{ order }})
{%- endmacro %}
