{#- The life of every alert, from the stock levels and from what people and staff did. An alert
    whose condition comes back within its cooldown is opened again, so that a flapping shelf makes
    one alert. Dismissed is final.

    standing_only: only alerts whose condition stands now: these are all that can be open, and
    their number does not grow with the history.
    touched: a table expression of alert_type, store_id, item_id, location; only alerts of these. -#}
{% macro alert_lives(standing_only=false, touched=none) -%}
{%- set key = 'alert_type, store_id, item_id, location' -%}
with flips as (
    select
        case location when 'shelf' then 'refill_request' else 'supplier_request' end as alert_type,
        store_id,
        item_id,
        location,
        event_ts,
        low_state,
        cooldown_minutes
    from {{ ref('stock_levels') }} as stock_levels
    where is_flip
    {%- if standing_only %}
        and exists (
            select 1
            from {{ ref('stock_levels') }} as latest
            where latest.is_latest
                and latest.low_state = 1
                and latest.store_id = stock_levels.store_id
                and latest.item_id = stock_levels.item_id
                and latest.location = stock_levels.location
        )
    {%- endif %}
    {%- if touched %}
        and exists (
            select 1
            from {{ touched }} as touched
            where touched.alert_type <> 'near_expiry'
                and touched.store_id = stock_levels.store_id
                and touched.item_id = stock_levels.item_id
                and touched.location = stock_levels.location
        )
    {%- endif %}
),

stretches as (
    select
        *,
        lead(event_ts) over (partition by {{ key }} order by event_ts) as cleared_ts
    from flips
),

conditions as (
    select alert_type, store_id, item_id, location, event_ts, cleared_ts, cooldown_minutes
    from stretches
    where low_state = 1
    union all
    select
        'near_expiry' as alert_type,
        store_id,
        item_id,
        location,
        event_ts,
        cleared_ts,
        {{ var('near_expiry_cooldown_minutes') }} as cooldown_minutes
    from {{ ref('near_expiry_spans') }} as spans
    {%- if standing_only %}
    where exists (
        select 1
        from {{ ref('near_expiry_spans') }} as latest
        where latest.cleared_ts is null
            and latest.store_id = spans.store_id
            and latest.item_id = spans.item_id
            and latest.location = spans.location
    )
    {%- endif %}
    {%- if touched %}
    where exists (
        select 1
        from {{ touched }} as touched
        where touched.alert_type = 'near_expiry'
            and touched.store_id = spans.store_id
            and touched.item_id = spans.item_id
            and touched.location = spans.location
    )
    {%- endif %}
),

episodes as (
    select
        *,
        lag(cleared_ts) over (partition by {{ key }} order by event_ts) as previous_cleared_ts
    from conditions
),

numbered as (
    select
        *,
        sum(
            case
                when previous_cleared_ts is null then 1
                when event_ts >= {{ add_minutes('previous_cleared_ts', 'cooldown_minutes') }} then 1
                else 0
            end
        ) over (
            partition by {{ key }} order by event_ts
            rows between unbounded preceding and current row
        ) as alert_no
    from episodes
),

grouped as (
    select
        *,
        min(event_ts) over (partition by {{ key }}, alert_no) as opened_ts,
        {%- if standing_only %}
        count(*) over (partition by {{ key }}, alert_no)
        - count(cleared_ts) over (partition by {{ key }}, alert_no) as standing_episodes,
        {%- endif %}
        row_number() over (partition by {{ key }}, alert_no order by event_ts) as episode_no
    from numbered
),

named as (
    select
        *,
        {{ uuid5("concat('alert:', alert_type, ':', store_id, ':', location, ':', item_id, ':', cast(" ~ epoch_us('opened_ts') ~ " as " ~ string_type() ~ "))") }} as alert_id
    from grouped
    {%- if standing_only %}
    -- All that happened to the other alerts of these places is over.
    where standing_episodes > 0
    {%- endif %}
),

actions as (
    select
        alert_type,
        store_id,
        item_id,
        location,
        event_ts as action_ts,
        case event_type when 'alert_acknowledged' then 'ack' else 'dismissed' end as to_status,
        actor,
        note
    from {{ ref('operator_reports') }}
    where event_type in ('alert_acknowledged', 'alert_dismissed')
    union all
    select
        'refill_request' as alert_type,
        store_id,
        item_id,
        'shelf' as location,
        issued_ts as action_ts,
        'ack' as to_status,
        'restock-planner' as actor,
        concat('restock task ', command_id) as note
    from {{ ref('issued_commands') }}
    where command_type = 'restock'
),

acted as (
    select
        named.alert_id,
        named.alert_type,
        named.store_id,
        named.item_id,
        named.location,
        named.episode_no,
        actions.action_ts as transition_ts,
        actions.to_status,
        actions.actor,
        actions.note,
        row_number() over (
            partition by named.alert_id, named.episode_no, actions.to_status
            order by actions.action_ts, actions.actor
        ) as action_no
    from named
    inner join actions
        on named.alert_type = actions.alert_type
        and named.store_id = actions.store_id
        and named.item_id = actions.item_id
        and named.location = actions.location
        and actions.action_ts >= named.event_ts
        and (named.cleared_ts is null or actions.action_ts < named.cleared_ts)
),

transitions as (
    select
        alert_id, alert_type, store_id, item_id, location, event_ts as transition_ts,
        'open' as to_status, 'system' as actor,
        case
            when episode_no > 1 then 'came back within the cooldown'
            when alert_type = 'near_expiry' then 'a lot is about to expire'
            else 'stock fell below its threshold'
        end as note,
        1 as step
    from named
    union all
    select
        alert_id, alert_type, store_id, item_id, location, transition_ts,
        to_status, actor, note,
        case to_status when 'ack' then 2 else 3 end as step
    from acted
    where action_no = 1
    union all
    select
        alert_id, alert_type, store_id, item_id, location, cleared_ts as transition_ts,
        'resolved' as to_status, 'system' as actor,
        case alert_type when 'near_expiry' then 'no such lot is left' else 'stock recovered' end as note,
        4 as step
    from named
    where cleared_ts is not null
),

ordered as (
    select
        *,
        lag(to_status) over (partition by alert_id order by transition_ts, step) as from_status,
        coalesce(
            max(case to_status when 'dismissed' then 1 else 0 end) over (
                partition by alert_id order by transition_ts, step
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as was_dismissed
    from transitions
)

select
    alert_id,
    alert_type,
    store_id,
    item_id as shelf_id,
    location,
    cast(row_number() over (partition by alert_id order by transition_ts, step) as integer) as transition_no,
    transition_ts,
    from_status,
    to_status,
    actor,
    note
from ordered
where was_dismissed = 0
{%- endmacro %}

{#- Whose alerts may be others than a model of transitions has: where stock has changed, where somebody
    has done something, and where other lots are about to expire than it tells of.

    Args: what it has seen of stock levels, of reports and of commands. -#}
{% macro alerts_touched(levels_seen, reports_seen, commands_seen) -%}
{%- set place = 'store_id, item_id, location' -%}
{%- set told = "select store_id, shelf_id as item_id, location, transition_ts, to_status from " ~ this ~ " where alert_type = 'near_expiry' and actor = 'system'" -%}
{%- set spans -%}
    select {{ place }}, event_ts as transition_ts, 'open' as to_status
    from {{ ref('near_expiry_spans') }}
    union all
    select {{ place }}, cleared_ts as transition_ts, 'resolved' as to_status
    from {{ ref('near_expiry_spans') }}
    where cleared_ts is not null
{%- endset -%}
    select distinct
        case location when 'shelf' then 'refill_request' else 'supplier_request' end as alert_type,
        {{ place }}
    from {{ ref('stock_levels') }}
    where load_seq > {{ levels_seen }}
    union
    select alert_type, {{ place }}
    from {{ ref('operator_reports') }}
    where event_type in ('alert_acknowledged', 'alert_dismissed')
        and ingest_batch > {{ reports_seen }}
    union
    select 'refill_request' as alert_type, store_id, item_id, 'shelf' as location
    from {{ ref('issued_commands') }}
    where command_type = 'restock'
        and ingest_batch > {{ commands_seen }}
    union
    select 'near_expiry' as alert_type, {{ place }}
    from (({{ spans }}) except ({{ told }})) as new_spans
    union
    select 'near_expiry' as alert_type, {{ place }}
    from (({{ told }}) except ({{ spans }})) as past_spans
{%- endmacro %}
