{%- set is_embedded = target.type == 'duckdb' -%}
{{ config(
    materialized='incremental' if is_embedded else 'table',
    incremental_strategy='merge' if is_embedded else none,
    unique_key='command_id',
) }}

{#- Told again are commands that are under way, as time may end them, and those of which something
    has come since the last run. -#}
{%- set columns = 'command_id, command_type, store_id, shelf_id, qty, alert_id, priority, issued_ts, expires_ts, picked_qty, placed_qty, returned_qty, status, reason, reported_ts, updated_ts' -%}
{#- What each column of bookkeeping counts, of what. -#}
{%- set sources = {
    'issued_seq': (ref('issued_commands'), 'ingest_batch'),
    'progress_seq': (ref('restock_progress'), 'load_seq'),
    'reports_seq': (ref('task_reports'), 'ingest_batch'),
    'removals_seq': (ref('removal_reports'), 'ingest_batch'),
    'checks_seq': (ref('delivery_checks'), 'ingest_batch'),
} -%}
{%- set touched -%}
    select command_id
    from {{ this }}
    where status in ('issued', 'in_transit')
    {%- for column, (source, number) in sources.items() %}
    union
    select command_id
    from {{ source }}
    where {{ number }} > {{ seen_up_to(column) }}
    {%- endfor %}
{%- endset %}

{% if is_incremental() -%}
with touched as (
    {{ touched }}
),

told as (
    {{ command_states('commands.command_id in (select command_id from touched)') }}
),

changes as (
    select {{ columns }}
    from told
    except
    select {{ columns }}
    from {{ this }}
    where command_id in (select command_id from touched)
)
{%- else -%}
with changes as (
    {{ command_states() }}
)
{%- endif %}

select
    changes.*
    {%- for column, (source, number) in sources.items() %},
    cast((select coalesce(max({{ number }}), 0) from {{ source }}) as bigint) as {{ column }}
    {%- endfor %}
from changes
