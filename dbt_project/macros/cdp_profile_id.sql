{#- The profile id that an identifier alone would give. Salted when a salt is set, so that ids
    cannot be guessed from identifiers; always distinct from the identifier's own key. -#}
{%- macro cdp_profile_id(identifier_type, identifier_value) -%}
    {{ cdp_key(["'profile'", "'" ~ var('cdp_profile_id_salt', '') ~ "'", identifier_type,
        identifier_value]) }}
{%- endmacro -%}
