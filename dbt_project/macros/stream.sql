{#- Place of an entry on its stream as one number: milliseconds and sequence. -#}
{% macro stream_order() -%}
    cast(split_part(stream_id, '-', 1) as bigint) * 1048576
        + cast(split_part(stream_id, '-', 2) as bigint)
{%- endmacro %}

{#- Marks the first arrival of an event id; a later one is the same event sent again. -#}
{% macro first_of_event() -%}
    row_number() over (
        partition by event_id order by ingest_batch, {{ stream_order() }}, entry_index
    ) = 1
{%- endmacro %}
