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

{#- The same for tables whose rows carry the identifier that owns the event: where a value was
    blocked, or is no longer, by an override, its events have another owner. -#}
{%- macro cdp_new_owned_events(events, definition_hash) -%}
    {%- set owned_anew = cdp.cdp_events_of_blocks() -%}
    select * from {{ events }}
    {%- if is_incremental() %}
    where
        {{ cdp.cdp_is_new_load(definition_hash) }}
        or (
            event_id in ({{ owned_anew }})
            and event_id not in (select done.event_id from {{ this }} as done)
        )
    {%- endif -%}
{%- endmacro -%}

{%- macro cdp_forget_owned_events(events, definition_hash) -%}
    {%- set owners = ref('int_identity__event_owners') -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        event_id in (
            select event_id from {{ events }} where {{ cdp.cdp_is_new_load(definition_hash) }}
        )
        or event_id in (
            select done.event_id
            from {{ this }} as done
            left join {{ owners }} as owners on done.event_id = owners.event_id
            where
                done.event_id in ({{ cdp.cdp_events_of_blocks() }})
                and (owners.identifier_id is null or owners.identifier_id <> done.identifier_id)
        )
    {%- endif -%}
{%- endmacro -%}

{#- The events that carry a value which an override blocks, or once did. -#}
{%- macro cdp_events_of_blocks() -%}
    select carried.event_id
    from {{ ref('int_identity__overrides') }} as blocks
    inner join {{ ref('int_identity__event_identifiers') }} as carried
        on blocks.identifier_id = carried.identifier_id
    where blocks.kind = 'block'
{%- endmacro -%}
