{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'business_date'],
) }}

-- Pieces sold per business day; days without a sale have no row.
with changes as (
    select
        store_id,
        item_id,
        business_date,
        sum(qty) as units,
        max(load_seq) as load_seq
    from {{ ref('sales_lines') }}
    where event_type = 'SALE'
        and load_seq > {{ seen_up_to('load_seq') }}
    group by store_id, item_id, business_date
)

select
    changes.store_id,
    changes.item_id,
    changes.business_date,
    {% if is_incremental() -%}
    cast(changes.units + coalesce(known.units, 0) as bigint) as units,
    {%- else -%}
    cast(changes.units as bigint) as units,
    {%- endif %}
    cast(changes.load_seq as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known
    on changes.store_id = known.store_id
    and changes.item_id = known.item_id
    and changes.business_date = known.business_date
{% endif %}
