{#- How identity follows the change, so that a run costs what changed and not what there is.

    Each run that extracts identifiers is a resolution, and has a number. Rows of the identity
    tables carry the number of the resolution that wrote them, and int_identity__progress says
    up to which each table has followed. A table that follows reads what the tables above it
    wrote since then, forgets the rows that this touches and writes them anew, in one transaction
    with its progress: a run that fails in between is made up for by the next one.

    A table is rebuilt whole where that is not enough: it is new, a full refresh was asked for,
    the rules are others than last time, a table above it was rebuilt, or the engine cannot
    delete rows. Rebuilt or followed, the rows are the same. -#}

{#- Up to where each identity table has followed, by its name: resolution, rebuilt_in, rules_hash.
    One question for all, because every hook asks it. -#}
{%- macro cdp_progress() -%}
    {%- set progress = ref('int_identity__progress') -%}
    {%- set done = {} -%}
    {%- if execute and load_relation(progress) is not none -%}
        {%- set notes = run_query(
            "select model_name, resolution, rebuilt_in, rules_hash from " ~ progress
            ~ " where note_number in (select max(note_number) from " ~ progress
            ~ " group by model_name)") -%}
        {%- for note in notes.rows -%}
            {%- do done.update({note[0]:
                {'resolution': note[1], 'rebuilt_in': note[2], 'rules_hash': note[3]}}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(done) }}
{%- endmacro -%}

{#- That of one table; none when nowhere. -#}
{%- macro cdp_progress_of(model_name) -%}
    {{ return(cdp.cdp_progress().get(model_name)) }}
{%- endmacro -%}

{#- What the present rules and the salt of profile ids hash to. -#}
{%- macro cdp_rules_hash() -%}
    {%- set rules = ref('int_identity__rules') -%}
    {%- if not execute or load_relation(rules) is none -%}
        {{ return('') }}
    {%- endif -%}
    {%- set found = run_query('select max(rules_hash) from ' ~ rules).columns[0].values()[0] -%}
    {{ return(local_md5(found ~ ' ' ~ var('cdp_profile_id_salt', ''))) }}
{%- endmacro -%}

{#- Where this table stands in this run: whether it can follow the change in the tables above it
    (follows); up to which resolution it has (followed); which number its new rows carry
    (resolution): that of the table above that is furthest behind, or a new one where there is
    none above; and what it then notes (rebuilt_in, rules_hash). -#}
{%- macro cdp_standing(upstreams) -%}
    {%- set done = cdp.cdp_progress() -%}
    {%- set rules_hash = cdp.cdp_rules_hash() -%}
    {%- set own = done.get(this.identifier) -%}
    {%- set found = namespace(least=none, follows=(
        execute
        and own is not none
        and own.rules_hash == rules_hash
        and not should_full_refresh()
        and target.type in ('duckdb', 'postgres', 'redshift', 'snowflake', 'bigquery')
        and load_relation(this) is not none
    )) -%}
    {%- for upstream in upstreams -%}
        {%- set above = done.get(upstream) -%}
        {%- set number = above.resolution if above is not none else 1 -%}
        {%- if found.least is none or number < found.least -%}
            {%- set found.least = number -%}
        {%- endif -%}
        {%- if above is none or (own is not none and above.rebuilt_in > own.resolution) -%}
            {%- set found.follows = false -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if found.least is none -%}
        {%- set found.least = (done.values() | map(attribute='resolution') | list + [0]) | max + 1 -%}
    {%- endif -%}
    {{ return({
        'follows': found.follows,
        'followed': own.resolution if own is not none else 0,
        'resolution': found.least,
        'rebuilt_in': own.rebuilt_in if found.follows else found.least,
        'rules_hash': rules_hash,
    }) }}
{%- endmacro -%}

{%- macro cdp_follows(upstreams) -%}
    {{ return(cdp.cdp_standing(upstreams).follows) }}
{%- endmacro -%}

{#- The last resolution that this table has followed. -#}
{%- macro cdp_followed() -%}
    {%- set done = cdp.cdp_progress_of(this.identifier) -%}
    {{ return(done.resolution if done is not none else 0) }}
{%- endmacro -%}

{#- For post_hook: note up to where this table has followed, in the transaction of its rows. -#}
{%- macro cdp_note_progress(upstreams) -%}
    {%- set progress = ref('int_identity__progress') -%}
    {%- set standing = cdp.cdp_standing(upstreams) -%}
    insert into {{ progress }} (note_number, model_name, resolution, rebuilt_in, rules_hash)
    select
        coalesce(max(progress.note_number), 0) + 1,
        '{{ this.identifier }}',
        {{ standing.resolution }},
        {{ standing.rebuilt_in }},
        '{{ standing.rules_hash }}'
    from {{ progress }} as progress
{%- endmacro -%}

{#- For pre_hook of a table that does not follow in this run: its rows go. A relation that is
    made anew has none to lose. -#}
{%- macro cdp_forget_all(upstreams) -%}
    {%- if is_incremental() and not cdp.cdp_follows(upstreams) -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro -%}

{#- For pre_hook of the extraction: the identifiers of the events about to be forgotten, because
    what they joined may come apart. Not when everything is resolved anew in any case. -#}
{%- macro cdp_remember_forgotten(events, definition_hash) -%}
    {%- set forgotten = ref('int_identity__forgotten') -%}
    {%- set standing = cdp.cdp_standing([]) -%}
    {%- if is_incremental() and standing.follows -%}
    insert into {{ forgotten }} (identifier_id, resolution)
    select distinct done.identifier_id, {{ standing.resolution }}
    from {{ this }} as done
    where done.event_id in (
        {{ cdp.cdp_repeated_events(events, definition_hash) }}
    )
    {%- endif -%}
{%- endmacro -%}

{#- The events of the loads that the extraction has not processed, with the resolution that
    they are part of. -#}
{%- macro cdp_new_evidence(events, definition_hash) -%}
    select evidence.*, cast({{ cdp.cdp_standing([]).resolution }} as bigint) as resolution
    from ({{ cdp.cdp_new_events(events, definition_hash) }}) as evidence
{%- endmacro -%}

{#- What this table makes anew, in a table for the time of the run: several statements ask for it,
    and an engine that knows how few rows it has joins it before all else. -#}
{%- macro cdp_touched(name='touched') -%}
    {{ return(cdp.cdp_work_table(this, name)) }}
{%- endmacro -%}

{#- For pre_hook: write it down, where the table follows. -#}
{%- macro cdp_note_touched(upstreams, rows, name='touched') -%}
    {%- if cdp.cdp_follows(upstreams) -%}
        {%- do cdp.cdp_replace_table(cdp.cdp_touched(name), rows) -%}
    {%- endif -%}
{%- endmacro -%}

{#- For post_hook. -#}
{%- macro cdp_drop_touched(name='touched') -%}
    drop table if exists {{ cdp.cdp_touched(name) }}
{%- endmacro -%}

{#- The identifiers whose sightings changed since this table last followed: on new events, on
    forgotten ones, or under another override. -#}
{%- macro cdp_sighted_anew() -%}
    select event_identifiers.identifier_id
    from {{ ref('int_identity__event_identifiers') }} as event_identifiers
    where event_identifiers.resolution > {{ cdp_followed() }}
    union
    select forgotten.identifier_id
    from {{ ref('int_identity__forgotten') }} as forgotten
    where forgotten.resolution > {{ cdp_followed() }}
    union
    select overrides.identifier_id
    from {{ ref('int_identity__overrides') }} as overrides
    where overrides.resolution > {{ cdp_followed() }}
    union
    select overrides.other_id
    from {{ ref('int_identity__overrides') }} as overrides
    where
        overrides.resolution > {{ cdp_followed() }}
        and overrides.other_id is not null
    union
    {#- A value that is blocked may have owned its events: who stood beside it owns them now. #}
    select beside.identifier_id
    from {{ ref('int_identity__overrides') }} as overrides
    inner join {{ ref('int_identity__event_identifiers') }} as carried
        on overrides.identifier_id = carried.identifier_id
    inner join {{ ref('int_identity__event_identifiers') }} as beside
        on carried.event_id = beside.event_id
    where
        overrides.resolution > {{ cdp_followed() }}
        and overrides.kind = 'block'
{%- endmacro -%}

{#- The identifiers that a rule may find shared, and the rule: all, or those whose node was written
    after a resolution. -#}
{%- macro cdp_may_be_shared(resolution=none) -%}
    select
        nodes.identifier_id,
        nodes.identifier_type,
        rules.shared_with,
        rules.shared_more_than
    from {{ ref('int_identity__nodes') }} as nodes
    inner join {{ ref('int_identity__rules') }} as rules
        on nodes.identifier_type = rules.identifier_type
    where
        rules.shared_with is not null
        {%- if resolution is not none %}
        and nodes.resolution > {{ resolution }}
        {%- endif %}
{%- endmacro -%}

{#- The events that such identifiers stand on. -#}
{%- macro cdp_events_under(looked_at) -%}
    select
        looked_at.identifier_id,
        looked_at.identifier_type,
        looked_at.shared_with,
        looked_at.shared_more_than,
        sightings.event_id
    from {{ looked_at }} as looked_at
    inner join {{ ref('int_identity__sightings') }} as sightings
        on looked_at.identifier_id = sightings.identifier_id
{%- endmacro -%}

{#- The identifiers whose edges may have changed since this table last followed: written anew,
    all that stood on an event with a value that became shared or ceased to be, and what is
    linked with one that was written. -#}
{%- macro cdp_joined_anew() -%}
    select nodes.identifier_id
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.resolution > {{ cdp_followed() }}
    union
    select others.identifier_id
    from {{ ref('int_identity__shared') }} as flipped
    inner join {{ ref('int_identity__event_identifiers') }} as carried
        on flipped.identifier_id = carried.identifier_id
    inner join {{ ref('int_identity__event_identifiers') }} as others
        on carried.event_id = others.event_id
    where flipped.resolution > {{ cdp_followed() }}
    union
    select links.source_id
    from {{ ref('int_identity__links') }} as links
    inner join {{ ref('int_identity__nodes') }} as nodes on links.target_id = nodes.identifier_id
    where nodes.resolution > {{ cdp_followed() }}
    union
    select links.target_id
    from {{ ref('int_identity__links') }} as links
    inner join {{ ref('int_identity__nodes') }} as nodes on links.source_id = nodes.identifier_id
    where nodes.resolution > {{ cdp_followed() }}
{%- endmacro -%}

{#- The identifiers whose component is found anew: the written ones, those of written edges, and
    whatever was connected with them, for it may come apart, or be connected with more. -#}
{%- macro cdp_connected_anew() -%}
    with
    reached as (
        select nodes.identifier_id
        from {{ ref('int_identity__nodes') }} as nodes
        where nodes.resolution > {{ cdp_followed() }}
        union
        select edges.source_id as identifier_id
        from {{ ref('int_identity__edges') }} as edges
        where edges.resolution > {{ cdp_followed() }}
        union
        select edges.target_id as identifier_id
        from {{ ref('int_identity__edges') }} as edges
        where edges.resolution > {{ cdp_followed() }}
    )
    select reached.identifier_id
    from reached
    union
    select former.identifier_id
    from {{ this }} as former
    where former.component_id in (
        select known.component_id
        from reached
        inner join {{ this }} as known on reached.identifier_id = known.identifier_id
    )
{%- endmacro -%}

{#- For pre_hook: the edges that are made anew. -#}
{%- macro cdp_forget_touched_edges(upstreams) -%}
    {%- if cdp_follows(upstreams) -%}
    delete from {{ this }}
    where
        source_id in (select touched.identifier_id from {{ cdp_touched() }} as touched)
        and target_id in (select touched.identifier_id from {{ cdp_touched() }} as touched)
    {%- endif -%}
{%- endmacro -%}

{#- The identifiers whose component was made anew, or that are gone, since this table last
    followed: what tables at the grain of identifiers forget and write again. -#}
{%- macro cdp_resolved_anew() -%}
    select components.identifier_id
    from {{ ref('int_identity__components') }} as components
    where components.resolution > {{ cdp_followed() }}
    union all
    select nodes.identifier_id
    from {{ ref('int_identity__nodes') }} as nodes
    where
        nodes.evidence_count = 0
        and nodes.resolution > {{ cdp_followed() }}
{%- endmacro -%}

{#- For pre_hook: the rows of the identifiers that are resolved anew. -#}
{%- macro cdp_forget_resolved_anew(upstreams) -%}
    {%- if cdp_follows(upstreams) -%}
    delete from {{ this }}
    where identifier_id in ({{ cdp_resolved_anew() }})
    {%- endif -%}
{%- endmacro -%}

{#- For post_hook: the rows of the identifiers that nothing carries any more. -#}
{%- macro cdp_forget_gone(upstreams) -%}
    {%- if cdp_follows(upstreams) -%}
    delete from {{ this }}
    where identifier_id in (
        select nodes.identifier_id
        from {{ ref('int_identity__nodes') }} as nodes
        where
            nodes.evidence_count = 0
            and nodes.resolution > {{ cdp_followed() }}
    )
    {%- endif -%}
{%- endmacro -%}

{#- Materialises the connected components of the identifiers (macros/connected_components.sql),
    whole, or where it follows only those that the model's SQL gives edges of. Components that
    were found in one resolution are numbered apart from those of all others. -#}
{%- materialization identity_components, default -%}
    {%- set upstreams = ['int_identity__nodes', 'int_identity__edges'] -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set found = cdp_work_table(this, 'found') -%}
    {%- set standing = cdp_standing(upstreams) -%}
    {%- set resolution = standing.resolution -%}
    {%- set follows = standing.follows -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- do cdp_components(found, sql, this) -%}
    {#- Built whole, numbers are not negative. Followed, they are negative and count within
        their resolution: no later number meets an earlier one. -#}
    {%- set components -%}
        select
            f.identifier_id,
            {%- if follows %}
            -({{ resolution }} * cast(4294967296 as bigint)
                + dense_rank() over (order by f.component_id)) as component_id,
            {%- else %}
            f.component_id,
            {%- endif %}
            cast({{ resolution }} as bigint) as resolution
        from {{ found }} as f
    {%- endset -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(components) -%}
    {%- endif -%}
    {%- if follows -%}
        {%- call statement() -%}
            delete from {{ target_relation }}
            where identifier_id in (select f.identifier_id from {{ found }} as f)
        {%- endcall -%}
        {%- call statement('main') -%} insert into {{ target_relation }} {{ components }} {%- endcall -%}
    {%- else -%}
        {%- do cdp_make_anew(target_relation, existing, components) -%}
    {%- endif -%}
    {%- do cdp_drop_tables([found]) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
