{#- Materializations for the embedded engine, where a whole model is one atomic statement.

    dbt's own build a copy, rename twice and drop, which engines without `create or replace` and
    transactional merge need; here it only costs time, and a run builds many small models every
    minute. An increment that merges may mark rows that are to go, in a column of its own that
    `meta.deletes` names. A contract is asserted when a table is first built or rebuilt: a tick repeats the same
    SQL. Other engines keep dbt's own materializations. -#}

{% materialization table, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if load_cached_relation(this) is none or should_full_refresh() -%}
        {% do assert_contract(sql) %}
    {%- endif -%}
    {% call statement('main') -%}
        create or replace table {{ target_relation }} as ({{ sql }})
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if load_cached_relation(this) is none or should_full_refresh() -%}
        {% do assert_contract(sql) %}
        {% call statement('main') -%}
            create or replace table {{ target_relation }} as ({{ sql }})
        {%- endcall %}
    {%- elif config.get('incremental_strategy') == 'merge' -%}
        {%- set gone = config.get('meta', {}).get('deletes') -%}
        {%- set columns = model.columns.keys() | list -%}
        {% call statement('main') -%}
            merge into {{ target_relation }} using ({{ sql }}) as changes
            using ({{ ([config.get('unique_key')] if config.get('unique_key') is string else config.get('unique_key')) | join(', ') }})
            {%- if gone %}
            when matched and changes.{{ gone }} then delete
            when matched then update set
                {%- for column in columns %} {{ column }} = changes.{{ column }}{{ ',' if not loop.last }}{% endfor %}
            when not matched then insert ({{ columns | join(', ') }})
                values (changes.{{ columns | join(', changes.') }})
            {%- else %}
            when matched then update by name
            when not matched then insert by name
            {%- endif %}
        {%- endcall %}
    {%- else -%}
        {% call statement('main') -%}
            insert into {{ target_relation }} by name ({{ sql }})
        {%- endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro assert_contract(sql) %}
    {%- if config.get('contract').enforced -%}
        {% do get_assert_columns_equivalent(sql) %}
    {%- endif -%}
{% endmacro %}
