{{ config(materialized='table') }}

{#- What to carry to which shelf: what is to be issued now, open commands and ended ones. -#}

select
    plan_id,
    store_id,
    shelf_id,
    suggested_qty,
    'pending' as status,
    priority,
    alert_id,
    created_ts,
    expires_ts,
    created_ts as updated_ts
from {{ ref('restocks_due') }}
union all
select
    command_id as plan_id,
    store_id,
    shelf_id,
    qty as suggested_qty,
    case
        when status in ('issued', 'in_transit') then 'issued'
        when status in ('completed', 'short') then 'completed'
        else 'canceled'
    end as status,
    priority,
    alert_id,
    issued_ts as created_ts,
    expires_ts,
    updated_ts
from {{ ref('commands') }}
where command_type = 'restock'
