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
    where load_id in ({{ cdp.cdp_new_loads(events, definition_hash) }})
    {%- endif -%}
{%- endmacro -%}

{#- For pre_hook: forget the events about to be processed, because a duplicate with an earlier
    receipt, or a changed definition, may leave fewer rows than there were. Staging says which
    messages came more than once: of a message that came once there is no row yet, but of another
    definition. Most loads repeat nothing, and then no row is looked at. -#}
{%- macro cdp_forget_repeated_events(events, definition_hash) -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where event_id in ({{ cdp.cdp_repeated_events(events, definition_hash) }})
    {%- endif -%}
{%- endmacro -%}

{%- macro cdp_repeated_events(events, definition_hash) -%}
    select repeated.event_id
    from {{ events }} as repeated
    where
        repeated.is_repeated
        and repeated.load_id in ({{ cdp.cdp_new_loads(events, definition_hash) }})
    union all
    select former.event_id
    from {{ this }} as former
    where former.definition_hash <> '{{ definition_hash }}'
{%- endmacro -%}

{#- The loads that this model has not processed, to be met in a semi join: engines then read no
    row of another load. -#}
{%- macro cdp_new_loads(events, definition_hash) -%}
    select arrived.load_id
    from (select distinct load_id from {{ events }}) as arrived
    where arrived.load_id not in (
        select distinct done.load_id
        from {{ this }} as done
        where done.definition_hash = '{{ definition_hash }}'
    )
{%- endmacro -%}

{#- The same for tables whose rows carry the identifier that owns the event: where a value was
    blocked, or is no longer, by an override, its events have another owner. -#}
{%- macro cdp_new_owned_events(events, definition_hash) -%}
    {%- set owned_anew = cdp.cdp_events_of_blocks() -%}
    {{ cdp.cdp_new_events(events, definition_hash) }}
    {%- if is_incremental() and cdp.cdp_has_blocks() %}
    union all
    select * from {{ events }}
    where
        event_id in ({{ owned_anew }})
        and event_id not in (select done.event_id from {{ this }} as done)
        and load_id not in ({{ cdp.cdp_new_loads(events, definition_hash) }})
    {%- endif -%}
{%- endmacro -%}

{#- The owners of those events. While no value is blocked they are those that the extraction found,
    and to ask int_identity__event_owners, which looks for blocks in all history, is not needed. -#}
{%- macro cdp_new_owners(events, definition_hash) -%}
    {%- set owners = ref('int_identity__event_owners') -%}
    {%- if is_incremental() and not cdp.cdp_has_blocks() -%}
    select * from {{ ref('int_identity__event_identifiers') }}
    where
        dropped_reason is null
        and identifier_id = owner_id
        and load_id in ({{ cdp.cdp_new_loads(events, definition_hash) }})
    {%- else -%}
    select * from {{ owners }}
    {%- endif -%}
{%- endmacro -%}

{%- macro cdp_forget_owned_events(events, definition_hash) -%}
    {%- set owners = ref('int_identity__event_owners') -%}
    {%- set owned_anew = cdp.cdp_events_of_blocks() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where event_id in (
        {{ cdp.cdp_repeated_events(events, definition_hash) }}
        {%- if cdp.cdp_has_blocks() %}
        union all
        select done.event_id
        from {{ this }} as done
        left join {{ owners }} as owners on done.event_id = owners.event_id
        where
            done.event_id in ({{ owned_anew }})
            and (owners.identifier_id is null or owners.identifier_id <> done.identifier_id)
        {%- endif %}
    )
    {%- endif -%}
{%- endmacro -%}

{#- Whether any value is blocked by an override, or once was. -#}
{%- macro cdp_has_blocks() -%}
    {%- set overrides = ref('int_identity__overrides') -%}
    {%- if not execute or load_relation(overrides) is none -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(run_query("select 1 from " ~ overrides ~ " where kind = 'block' limit 1").rows | length > 0) }}
{%- endmacro -%}

{#- The events that carry a value which an override blocks, or once did. -#}
{%- macro cdp_events_of_blocks() -%}
    select carried.event_id
    from {{ ref('int_identity__overrides') }} as blocks
    inner join {{ ref('int_identity__event_identifiers') }} as carried
        on blocks.identifier_id = carried.identifier_id
    where blocks.kind = 'block'
{%- endmacro -%}
