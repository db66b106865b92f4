{#- Raise it when int_profiles__identify_traits begins to read events differently: every table
    that was made by an older version is then rebuilt by the next run. -#}
{%- macro cdp_identify_traits_version() -%}1{%- endmacro -%}
