{#- Text that sorts by its bytes, the same on every engine, not by a language's rules. -#}
{%- macro cdp_text_order(value) -%}
    {%- if target.type == 'postgres' -%} {{ value }} collate "C" {%- else -%} {{ value }} {%- endif -%}
{%- endmacro -%}
