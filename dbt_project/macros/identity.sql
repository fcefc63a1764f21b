{#- NAMESPACE_URL of RFC 9562, as hexadecimal digits. -#}
{% macro uuid_namespace_url() %}6ba7b8119dad11d180b400c04fd430c8{% endmacro %}

{#- UUID version 5 of a text in NAMESPACE_URL: the same text gives the same id everywhere. -#}
{% macro uuid5(name) -%}
{%- set digest = sha1_of_uuid5_name(name) -%}
lower(concat(
    substr({{ digest }}, 1, 8), '-', substr({{ digest }}, 9, 4), '-5', substr({{ digest }}, 14, 3), '-',
    substr('89ab89ab89ab89ab', instr('0123456789abcdef', lower(substr({{ digest }}, 17, 1))), 1),
    substr({{ digest }}, 18, 3), '-', substr({{ digest }}, 21, 12)
))
{%- endmacro %}
