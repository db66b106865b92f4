{#- The one order of what a profile's trait was told, oldest first, or latest first with 'desc'. It
    is total: where two calls were made at the same moment, a removal comes before a value and a
    smaller value before a greater one. What has no time is older than everything that has one. -#}
{%- macro cdp_trait_order(updates, direction='asc') -%}
    {{ updates }}.occurred_at {{ direction }} nulls {{ 'first' if direction == 'asc' else 'last' }},
    case when {{ updates }}.trait_value is null then 0 else 1 end {{ direction }},
    {{ cdp_text_order(updates ~ '.trait_value') }} {{ direction }},
    {{ cdp_text_order(updates ~ '.message_id') }} {{ direction }},
    {{ cdp_text_order(updates ~ '.source') }} {{ direction }}
{%- endmacro -%}
