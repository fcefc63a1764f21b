{#- What the models of customers and baskets share. -#}

{#- What a customer is called in everything that is made from raw events: the id of the tills; with
    SMARTSHELF_CUSTOMER_ID_SALT, its HMAC-SHA256 (`domain/customer_ids.py`), whose keys each session
    knows and no file. -#}
{% macro published_customer(customer_id) -%}
    {{ return(adapter.dispatch('published_customer')(customer_id)) }}
{%- endmacro %}

{% macro default__published_customer(customer_id) %}{{ customer_id }}{% endmacro %}

{% macro duckdb__published_customer(customer_id) -%}
case
        when getvariable('customer_key_inner') is null then {{ customer_id }}
        else sha256(
            unhex(cast(getvariable('customer_key_outer') as varchar))
            || unhex(sha256(unhex(cast(getvariable('customer_key_inner') as varchar)) || encode({{ customer_id }})))
        )
    end
{%- endmacro %}

{#- Lines of goods on complete business days; days_ago counts back from the business date of the
    store, so that yesterday is 1. -#}
{% macro dated_lines() -%}
select
        sales.*,
        cast({{ days_between('sales.date_key', 'cast(' ~ to_local(as_of(), 'stores.timezone') ~ ' as date)') }} as integer) as days_ago
    from {{ ref('fact_sales') }} as sales
    inner join {{ ref('stg_stores') }} as stores on sales.store_id = stores.store_id
    where sales.is_merchandise
        and sales.date_key < cast({{ to_local(as_of(), 'stores.timezone') }} as date)
{%- endmacro %}

{#- 1 to 5 by rank. In whole numbers, and equal values get equal scores; NTILE would part them. -#}
{% macro rank_score(rank, customers) -%}
cast(least(5, 1 + (5 * ({{ rank }} - 1)) // greatest({{ customers }} - 1, 1)) as tinyint)
{%- endmacro %}
