{#- How the features and conditions of profiles follow the change. A run computes those of the
    profiles in int_features__touched, and of those whose traits have moved where a table keeps
    traits, and leaves the others as they are; each note in int_features__progress says as of when,
    and up to which resolution of the identities, a table holds. A table is computed whole where
    that is not enough: it is new or defined otherwise, a full refresh was asked for, the
    identities were resolved whole, the clock was set back, or the engine cannot delete rows.
    Followed or whole, the rows are the same. -#}

{#- The latest note of one of the tables (as_of, resolution, rebuilt_in, definition_hash); none
    where it has none. -#}
{%- macro cdp_features_note(model_name) -%}
    {%- set progress = ref('int_features__progress') -%}
    {%- if not execute or load_relation(progress) is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set rows = run_query("select as_of, resolution, rebuilt_in, definition_hash from " ~ progress
        ~ " where model_name = '" ~ model_name ~ "' order by note_number desc limit 1").rows -%}
    {{ return(rows[0] if rows | length > 0 else none) }}
{%- endmacro -%}

{#- The run's clock, and from when and which resolution on int_features__touched tells what
    changed: from where the table that is furthest behind stands. Nulls where none stands
    anywhere, so that nothing is touched. -#}
{%- macro cdp_features_clock(followers) -%}
    {%- set above = cdp.cdp_progress_of('int_identity__resolved') -%}
    {%- set found = namespace(as_of=none, resolution=none) -%}
    {%- for follower in followers -%}
        {%- set note = cdp.cdp_features_note(follower) -%}
        {%- if note is not none -%}
            {%- if found.as_of is none or note[0] < found.as_of -%}
                {%- set found.as_of = note[0] -%}
            {%- endif -%}
            {%- if found.resolution is none or note[1] < found.resolution -%}
                {%- set found.resolution = note[1] -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    select
        {{ cdp.cdp_as_of() }} as as_of,
        cast({{ "'" ~ found.as_of ~ "'" if found.as_of is not none else 'null' }} as timestamp)
            as previous_as_of,
        cast({{ found.resolution if found.resolution is not none else 'null' }} as bigint) as followed,
        cast({{ above.resolution if above is not none else 0 }} as bigint) as resolution
{%- endmacro -%}

{#- The row of the clock in int_features__touched. -#}
{%- macro cdp_features_run() -%}
    {%- set touched = ref('int_features__touched') -%}
    {%- if not execute or load_relation(touched) is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(run_query('select as_of, previous_as_of, followed, resolution from ' ~ touched
        ~ ' where canonical_profile_id is null').rows[0]) }}
{%- endmacro -%}

{#- Whether this table can compute the touched profiles alone. One that reads another of these
    tables (`after`) stands where that one stands, and that must be where the run is. -#}
{%- macro cdp_follows_touched(definition_hash, after='') -%}
    {%- set clock = cdp.cdp_features_run() -%}
    {%- set note = cdp.cdp_features_note(this.identifier) -%}
    {%- set read = cdp.cdp_features_note(after) if after else none -%}
    {%- set above = cdp.cdp_progress_of('int_identity__resolved') -%}
    {{ return(
        execute
        and target.type in ('duckdb', 'postgres', 'redshift', 'snowflake', 'bigquery')
        and not should_full_refresh()
        and load_relation(this) is not none
        and clock is not none and clock[1] is not none
        and note is not none and note[3] == definition_hash
        and clock[1] <= note[0] <= clock[0]
        and clock[2] <= note[1] <= clock[3]
        and (read is none or (read[0] == clock[0] and read[1] == clock[3]))
        and above is not none and above.rebuilt_in == note[2]
    ) }}
{%- endmacro -%}

{#- For the tables that say whose events are whose: only the touched profiles, where that is
    enough. A table that keeps traits, `compared` from their views to their columns, needs those
    too of which one is another now. The materialisation deletes what is no profile any more, and
    dbt learns of that here. -#}
{%- macro cdp_where_touched(definition_hash, after='', compared={}) -%}
    {%- set touched, profiles = ref('int_features__touched'), ref('profiles') -%}
    {%- set views = {} -%}
    {%- for view in compared -%}
        {%- do views.update({view: ref(view)}) -%}
    {%- endfor -%}
    {%- if cdp.cdp_follows_touched(definition_hash, after) -%}
    where canonical_profile_id in (
        select touched.canonical_profile_id from {{ touched }} as touched
        {%- for view, traits in compared.items() %}
        union all
        select moved.canonical_profile_id
        from (
            select canonical_profile_id, {{ traits.keys() | join(', ') }} from {{ views[view] }}
            {{ dbt.except() }}
            select canonical_profile_id, {{ traits.values() | join(', ') }} from {{ this }}
        ) as moved
        {%- endfor %}
    )
    {%- endif -%}
{%- endmacro -%}

{#- The moment that a table of features was computed as of. -#}
{%- macro cdp_features_as_of(model_name) -%}
    {%- set progress = ref('int_features__progress') -%}
    select progress.as_of
    from {{ progress }} as progress
    where progress.note_number = (
        select max(latest.note_number)
        from {{ progress }} as latest
        where latest.model_name = '{{ model_name }}'
    )
{%- endmacro -%}

{#- The profiles of which a table is computed again to see whether they are right: all, or one in
    256, whose ids start with two digits that change with each note. -#}
{%- macro cdp_where_sampled(model_name) -%}
    {%- set followed = ref(model_name) -%}
    {%- set progress = ref('int_features__progress') -%}
    {%- if var('cdp_verify_features', '') != 'all' and execute
        and load_relation(progress) is not none -%}
        {%- set notes = run_query("select count(*) from " ~ progress ~ " where model_name = '"
            ~ model_name ~ "'").columns[0].values()[0] | int -%}
    where cast(canonical_profile_id as {{ dbt.type_string() }}) like '{{ '%02x' % (notes % 256) }}%'
    {%- endif -%}
{%- endmacro -%}

{#- A table of one row a profile, whose SQL gives the touched ones or all (cdp_where_touched). -#}
{%- materialization profile_features, default -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set definition_hash = config.get('meta')['definition_hash'] -%}
    {%- set after = config.get('meta')['after'] -%}
    {%- set follows = cdp.cdp_follows_touched(definition_hash, after) -%}
    {%- set clock = cdp.cdp_features_run() -%}
    {%- set above = cdp.cdp_progress_of('int_identity__resolved') -%}
    {%- set stands = {
        'as_of': clock[0],
        'resolution': clock[3],
        'rebuilt_in': above.rebuilt_in if above is not none else 0,
    } -%}
    {%- if after -%}
        {%- set read = cdp.cdp_features_note(after) -%}
        {%- do stands.update({'as_of': read[0], 'resolution': read[1], 'rebuilt_in': read[2]}) -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    {%- if follows -%}
        {%- set anew = cdp.cdp_work_table(this, 'anew') -%}
        {%- set names = adapter.get_columns_in_relation(target_relation)
            | map(attribute='quoted') | join(', ') -%}
        {%- do cdp.cdp_replace_table(anew, sql) -%}
        {%- call statement() -%}
            delete from {{ target_relation }}
            where
                canonical_profile_id in (select anew.canonical_profile_id from {{ anew }} as anew)
                or canonical_profile_id not in (
                    select profiles.canonical_profile_id from {{ ref('profiles') }} as profiles
                )
        {%- endcall -%}
        {%- call statement('main') -%}
            insert into {{ target_relation }} ({{ names }}) select {{ names }} from {{ anew }}
        {%- endcall -%}
        {%- do cdp.cdp_drop_tables([anew]) -%}
    {%- else -%}
        {%- do cdp.cdp_make_anew(target_relation, existing, sql) -%}
    {%- endif -%}
    {%- call statement() -%}
        insert into {{ ref('int_features__progress') }}
            (note_number, model_name, as_of, resolution, rebuilt_in, definition_hash)
        select
            coalesce(max(progress.note_number), 0) + 1,
            '{{ this.identifier }}',
            cast('{{ stands.as_of }}' as timestamp),
            {{ stands.resolution }},
            {{ stands.rebuilt_in }},
            '{{ definition_hash }}'
        from {{ ref('int_features__progress') }} as progress
    {%- endcall -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
