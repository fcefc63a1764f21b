{#- What became of commands: of those for which a condition on `commands` holds. -#}
{% macro command_states(condition='true') -%}
with progress as (
    select
        commands.command_id,
        commands.command_type,
        commands.store_id,
        commands.item_id as shelf_id,
        commands.qty,
        commands.alert_id,
        commands.priority,
        commands.issued_ts,
        commands.expires_ts,
        commands.valid_to_ts,
        coalesce(moved.picked_qty, 0) as picked_qty,
        coalesce(moved.placed_qty, 0) as placed_qty,
        coalesce(moved.returned_qty, 0) as returned_qty,
        coalesce(reports.outcome, case when removals.removed_ts is not null then 'done' end) as outcome,
        reports.reason,
        coalesce(reports.reported_ts, removals.removed_ts) as reported_ts,
        moved.last_event_ts,
        delivered.is_complete as is_delivered,
        delivered.checked_ts
    from {{ ref('issued_commands') }} as commands
    left join {{ ref('restock_progress') }} as moved on commands.command_id = moved.command_id
    left join {{ ref('task_reports') }} as reports on commands.command_id = reports.command_id
    left join {{ removal_answers() }} as removals on commands.command_id = removals.command_id
    left join (
        select command_id, max(case when is_final then 1 else 0 end) = 1 as is_complete, max(checked_ts) as checked_ts
        from {{ ref('delivery_checks') }}
        group by command_id
    ) as delivered on commands.command_id = delivered.command_id
    where {{ condition }}
)

select
    command_id,
    command_type,
    store_id,
    shelf_id,
    qty,
    alert_id,
    priority,
    issued_ts,
    expires_ts,
    picked_qty,
    placed_qty,
    returned_qty,
    case
        when outcome = 'done' then 'completed'
        when outcome is not null then outcome
        when command_type = 'supplier_cutoff' then 'completed'
        when command_type = 'supplier_order' then case when is_delivered then 'completed' else 'issued' end
        when command_type = 'markdown' then case when {{ as_of() }} >= valid_to_ts then 'completed' else 'issued' end
        when command_type = 'removal' then 'issued'
        when {{ as_of() }} >= expires_ts and picked_qty = 0 then 'expired'
        -- A report that never came must not block the shelf for good.
        when {{ as_of() }} >= {{ add_minutes('expires_ts', var('report_grace_minutes')) }} then 'overdue'
        when picked_qty > 0 then 'in_transit'
        else 'issued'
    end as status,
    reason,
    reported_ts,
    greatest(
        issued_ts,
        coalesce(last_event_ts, issued_ts),
        coalesce(reported_ts, issued_ts),
        coalesce(checked_ts, issued_ts)
    ) as updated_ts
from progress
{%- endmacro %}
