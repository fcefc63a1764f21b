{{ config(materialized='table') }}

{#- Per store the cutoffs whose orders have been sent, those that have passed and wait for it (of the
    last twelve weeks, should the clock have jumped), and the next one. An order has to last until
    the delivery after its own. -#}

with closed as (
    select
        store_id,
        cutoff_ts,
        delivery_ts,
        policy,
        order_lines,
        order_pieces,
        issued_ts
    from {{ ref('issued_commands') }}
    where command_type = 'supplier_cutoff'
),

digits as (
    select 0 as digit union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
),

dates as (
    select {{ add_days("cast(" ~ as_of() ~ " as date)", 'cast(tens.digit * 10 + ones.digit - 85 as integer)') }} as day
    from digits as tens
    cross join digits as ones
),

calendar as (
    select
        {{ add_minutes("cast(dates.day as " ~ timestamp_type() ~ ")", 'rhythm.cutoff_minute') }} as cutoff_ts,
        {{ add_minutes("cast(dates.day as " ~ timestamp_type() ~ ")", 'rhythm.delivery_minute') }} as delivery_ts
    from dates
    inner join {{ ref('supplier_calendar') }} as rhythm on {{ iso_weekday('dates.day') }} = rhythm.weekday
),

spans as (
    select
        cutoff_ts,
        delivery_ts,
        lead(delivery_ts) over (order by cutoff_ts) as covers_until_ts
    from calendar
),

open_cutoffs as (
    select
        stores.store_id,
        spans.cutoff_ts,
        spans.delivery_ts,
        spans.covers_until_ts,
        spans.cutoff_ts <= {{ as_of() }} as is_due,
        row_number() over (
            partition by stores.store_id, spans.cutoff_ts <= {{ as_of() }} order by spans.cutoff_ts
        ) as place
    from {{ ref('stg_stores') }} as stores
    cross join spans
    left join closed on stores.store_id = closed.store_id and spans.cutoff_ts = closed.cutoff_ts
    where stores.stock_tracking = 'sensors'
        and spans.cutoff_ts > stores.opened_ts
        and closed.store_id is null
)

select
    closed.store_id,
    closed.cutoff_ts,
    closed.delivery_ts,
    spans.covers_until_ts,
    'closed' as status,
    closed.policy,
    cast(closed.order_lines as bigint) as order_lines,
    cast(closed.order_pieces as bigint) as order_pieces,
    closed.issued_ts as closed_ts
from closed
left join spans on closed.cutoff_ts = spans.cutoff_ts
union all
select
    store_id,
    cutoff_ts,
    delivery_ts,
    covers_until_ts,
    case when is_due then 'due' else 'next' end as status,
    cast(null as {{ string_type() }}) as policy,
    cast(null as bigint) as order_lines,
    cast(null as bigint) as order_pieces,
    cast(null as {{ timestamp_type() }}) as closed_ts
from open_cutoffs
where is_due or place = 1
