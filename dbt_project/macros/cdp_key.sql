{#- A key made from texts: the md5 of the parts, with a separator that no part can hold.
    A UUID where the engine has the type (16 bytes instead of 32). -#}
{%- macro cdp_key(parts) -%}
    {%- set text = parts | join(" || chr(31) || ") -%}
    {%- if target.type in ('duckdb', 'postgres') -%}
        cast(md5({{ text }}) as uuid)
    {%- elif target.type == 'bigquery' -%}
        to_hex(md5({{ text }}))
    {%- else -%}
        md5({{ text }})
    {%- endif -%}
{%- endmacro -%}
