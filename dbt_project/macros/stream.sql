{#- Place of an entry on its stream as one number: milliseconds and sequence. -#}
{% macro stream_order() -%}
    cast(split_part(stream_id, '-', 1) as bigint) * 1048576
        + cast(split_part(stream_id, '-', 2) as bigint)
{%- endmacro %}

{#- Numbers the arrivals of an id; a second one is the same thing sent again, the first counts. -#}
{% macro arrival_no(id, order='ingest_batch, stream_order, entry_index') -%}
    row_number() over (partition by {{ id }} order by {{ order }})
{%- endmacro %}

{#- The rows of a staging model that have come since the last run, each id once: a repeated id is the
    same thing sent again, and the first arrival counts. For models that keep the id and the number
    of the commit. -#}
{% macro first_arrivals(staged, id, where='true') -%}
    select numbered.*
    from (
        select
            *,
            {{ arrival_no(id) }} as arrival_no
        from {{ staged }}
        where ingest_batch > {{ seen_up_to('ingest_batch') }}
            and {{ where }}
    ) as numbered
    where numbered.arrival_no = 1
    {% if is_incremental() -%}
        and not exists (select 1 from {{ this }} as known where known.{{ id }} = numbered.{{ id }})
    {%- endif %}
{%- endmacro %}

{#- What staff found for each removal command: pieces thrown away, and when they first said so. -#}
{% macro removal_answers() -%}
    (
        select command_id, sum(removed_qty) as removed_qty, min(removed_ts) as removed_ts
        from {{ ref('removal_reports') }}
        where command_id is not null
        group by command_id
    )
{%- endmacro %}
