{#- What the windows of the live page share. -#}

{#- Start of the stretch of some minutes that a time falls into; the minutes divide an hour. -#}
{% macro stretch_start(ts, minutes) -%}
{{ add_minutes("date_trunc('hour', " ~ ts ~ ")", 'cast(floor(extract(minute from ' ~ ts ~ ') / ' ~ minutes ~ ') * ' ~ minutes ~ ' as integer)') }}
{%- endmacro %}

{#- The time so many hours before the one that the run computes for. -#}
{% macro hours_ago(hours) -%}
{{ add_minutes(as_of(), -60 * hours) }}
{%- endmacro %}

{#- Sales of goods of the last hours, and whether each came too late to be counted: when a receipt
    far later than it had come before. That depends on the order in which receipts came, which raw
    keeps, and not on how they were drained. -#}
{% macro recent_sales(hours) -%}
    select
        lines.event_id,
        lines.event_ts,
        date_trunc('minute', lines.event_ts) as pane_start,
        lines.store_id,
        lines.item_id,
        lines.receipt_event_id,
        lines.business_date,
        lines.batch_code,
        lines.transaction_id,
        lines.customer_id,
        lines.qty,
        lines.unit_price,
        lines.discount,
        lines.net,
        lines.currency,
        arrivals.newest_before_ts,
        coalesce(
            arrivals.newest_before_ts > {{ add_minutes('lines.event_ts', var('allowed_lateness_minutes')) }}, false
        ) as is_too_late
    from {{ ref('sales_lines') }} as lines
    inner join {{ ref('receipt_arrivals') }} as arrivals on lines.receipt_event_id = arrivals.event_id
    where lines.event_type = 'SALE'
        and lines.is_merchandise
        and lines.event_ts >= {{ hours_ago(hours) }}
        and arrivals.event_ts >= {{ hours_ago(hours) }}
{%- endmacro %}

{#- Every step of the stock of the last hours: what it was before and after, and which quantity of it
    counts as low. -#}
{% macro recent_stock(hours) -%}
    select
        levels.store_id,
        levels.item_id,
        levels.location,
        levels.event_ts,
        levels.stock,
        levels.stock - changes.qty as stock_before,
        changes.qty,
        coalesce(levels.low_below_qty, {{ var('low_below_fallback_qty') }}) as reorder_level
    from {{ ref('stock_levels') }} as levels
    inner join (
        select
            store_id,
            item_id,
            location,
            event_ts,
            sum(qty_signed) as qty
        from {{ ref('stock_movements') }}
        where event_ts >= {{ hours_ago(hours) }}
        group by store_id, item_id, location, event_ts
    ) as changes
        on levels.store_id = changes.store_id
        and levels.item_id = changes.item_id
        and levels.location = changes.location
        and levels.event_ts = changes.event_ts
    where levels.event_ts >= {{ hours_ago(hours) }}
{%- endmacro %}

{#- Whether there is enough of an item at a place. -#}
{% macro stock_status(stock, reorder_level) -%}
case
        when {{ stock }} <= 0 then 'OUT_OF_STOCK'
        when {{ stock }} < {{ reorder_level }} then 'LOW_STOCK'
        else 'IN_STOCK'
    end
{%- endmacro %}
