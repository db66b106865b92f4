{#- How event tables grow. Each keeps, row by row, the load that the row came from and the hash
    of the definition that made it. A load is new to a table until the table holds a row of it
    made by the present definition: loads may commit in any order, and a changed definition
    makes every load new, so that a changed rule rebuilds the table and nothing else does. A
    load that left no row is read again each time, which changes nothing.

    Generated models live in the user's project and call these macros by package; a macro
    that they call must name its own package too, or dbt looks in the user's. -#}

{#- The events of the loads that this model has not processed. -#}
{%- macro cdp_new_events(events, definition_hash) -%}
    select * from {{ events }}
    {%- if is_incremental() %}
    where {{ cdp.cdp_is_new_load(definition_hash) }}
    {%- endif -%}
{%- endmacro -%}

{#- For pre_hook: forget the events about to be processed, because a duplicate with an earlier
    receipt, or a changed definition, may leave fewer rows than there were. -#}
{%- macro cdp_forget_new_events(events, definition_hash) -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where event_id in (
        select event_id from {{ events }} where {{ cdp.cdp_is_new_load(definition_hash) }}
    )
    {%- endif -%}
{%- endmacro -%}

{%- macro cdp_is_new_load(definition_hash) -%}
    load_id not in (
        select distinct done.load_id
        from {{ this }} as done
        where done.definition_hash = '{{ definition_hash }}'
    )
{%- endmacro -%}
