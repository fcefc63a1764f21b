{#- What an incremental model has seen already. The bounds are read when the model is compiled and
    stand in its SQL as literals, so that files and row groups beyond them are not even opened. -#}

{#- Highest value of a column in this model, 0 on a full refresh. -#}
{% macro seen_up_to(column, condition=none) -%}
    {%- if execute and is_incremental() -%}
        {%- set query -%}
            select coalesce(max({{ column }}), 0) from {{ this }}
            {%- if condition %} where {{ condition }}{% endif %}
        {%- endset -%}
        {{ return(run_query(query).columns[0].values()[0]) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}

{#- Number of this load: rises by one with every run of an incremental model that adds rows. -#}
{% macro next_load() -%}
    {{ return(seen_up_to('load_seq') + 1) }}
{%- endmacro %}

{#- The time that the run computes for. -#}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as {{ timestamp_type() }})
{%- endmacro %}
