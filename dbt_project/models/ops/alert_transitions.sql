{%- set is_embedded = target.type == 'duckdb' -%}
{{ config(
    materialized='incremental' if is_embedded else 'table',
    incremental_strategy='merge' if is_embedded else none,
    unique_key=['alert_id', 'transition_no'],
    meta={'deletes': 'is_gone'},
) }}

{#- Told again are the alerts of places at which something has come since the last run, late or not:
    how much that is does not depend on how long the history is. -#}
{%- set columns = 'alert_id, alert_type, store_id, shelf_id, location, transition_no, transition_ts, from_status, to_status, actor, note' -%}
{%- set levels_seen = seen_up_to('levels_seq') -%}
{%- set reports_seen = seen_up_to('reports_seq') -%}
{%- set commands_seen = seen_up_to('commands_seq') %}

{% if is_incremental() -%}
with touched as (
    {{ alerts_touched(levels_seen, reports_seen, commands_seen) }}
),

told as (
    {{ alert_lives(touched='touched') }}
),

known as (
    select *
    from {{ this }} as transitions
    where exists (
        select 1
        from touched
        where touched.alert_type = transitions.alert_type
            and touched.store_id = transitions.store_id
            and touched.item_id = transitions.shelf_id
            and touched.location = transitions.location
    )
),

changes as (
    select *, false as is_gone
    from (select {{ columns }} from told except select {{ columns }} from known) as changed
    union all
    -- What a late event has undone.
    select {{ columns }}, true as is_gone
    from known
    where not exists (
        select 1 from told where told.alert_id = known.alert_id and told.transition_no = known.transition_no
    )
)
{%- else -%}
with changes as (
    {{ alert_lives() }}
)
{%- endif %}

select
    changes.*,
    cast((select coalesce(max(load_seq), 0) from {{ ref('stock_levels') }}) as bigint) as levels_seq,
    cast((select coalesce(max(ingest_batch), 0) from {{ ref('operator_reports') }}) as bigint) as reports_seq,
    cast((select coalesce(max(ingest_batch), 0) from {{ ref('issued_commands') }}) as bigint) as commands_seq
from changes
