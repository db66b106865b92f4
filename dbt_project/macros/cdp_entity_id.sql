{#- The id of an account, and the id that one value of an entity's rule alone would give. Salted
    like profile ids; distinct from them, from each other and from the keys they derive from. -#}
{%- macro cdp_account_id(group_id) -%}
    {{ cdp.cdp_key(["'account'", "'" ~ var('cdp_profile_id_salt', '') ~ "'", "'group_id'",
        group_id]) }}
{%- endmacro -%}

{%- macro cdp_entity_id(entity_name, value_id) -%}
    {{ cdp.cdp_key(["'entity'", "'" ~ var('cdp_profile_id_salt', '') ~ "'", entity_name,
        'cast(' ~ value_id ~ ' as ' ~ dbt.type_string() ~ ')']) }}
{%- endmacro -%}
