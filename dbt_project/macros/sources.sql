{#- Opens, for this run, every Delta source that a view looks at. Staging views stay in the
    warehouse; what they look at is registered anew by each run. -#}
{% macro open_sources() -%}
    {%- if execute and target.type == 'duckdb' -%}
        {%- set opened = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and node.config.materialized == 'view' -%}
            {%- for id in node.depends_on.nodes if id in graph.sources and id not in opened -%}
                {%- do source(graph.sources[id].source_name, graph.sources[id].name) -%}
                {%- do opened.append(id) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- Gives a new warehouse a name of its own. What was published from another one is replaced, not
    continued, as its load numbers mean nothing here. -#}
{% macro mark_warehouse() -%}
    {%- if target.type == 'duckdb' -%}
        create table if not exists warehouse_identity as
        select cast(uuid() as varchar) as warehouse_id
    {%- endif -%}
{%- endmacro %}
