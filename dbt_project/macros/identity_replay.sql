{#- Materialises the replay of Segment's merge rule, in rounds of set operations.

    The model's SQL gives one row a step (an event, or a link) and identifier: step_id, event_id,
    occurred_at, is_forced, component_id, identifier_id, identifier_type, identifier_value,
    priority, limit_count, limit_window (ever, annually, monthly, weekly, daily) and is_settled.
    Settled events come before a limit could break, so all of them keep all identifiers: what they
    connect is where the replay begins. The table has one row a decision: event_id, identifier_id, outcome,
    broken_type, decided_at, profile_number. Where the table follows the change
    (macros/identity_resolution.sql), the events are those of components that were made anew.

    The rule, one event after another in the order of (occurred_at, source, message_id): an event
    keeps the longest prefix of its identifiers, in the order of (priority, value), such that
    the profiles they are in, merged and with the new ones added, hold no more values of any type
    than its limit, counting those added in the trailing window that ends at the event. It merges
    those profiles and adds the identifiers that were in none; an identifier keeps the time at
    which it was first added.

    A forced step is a link of two identifiers: no limit holds it back. A profile that a link put
    above a limit keeps what it has, and nothing is added that makes it more. Two identifiers that
    an override keeps apart are a type of their own with a limit of one, for links too.

    The rounds give the same. In a round, on the profiles as they stand:

    1. Every undecided event finds the prefix that it would keep. Profiles only grow and times of
       adding stay, so what a prefix breaks now it breaks for good: prefixes only shrink. (Links
       may yet join what broke one; but a link touches both sides whatever they hold, so an
       earlier one keeps the event waiting in step 3.)
    2. An event whose prefix lies in one profile is done, for a profile alone breaks nothing;
       but not yet where it would let go of something and its component has links.
    3. An event that comes first, of all undecided ones, on every profile and identifier that its
       prefix touches is applied. Nothing earlier can reach those any more, because prefixes
       only shrink; and no two of a round's events touch the same.

    The first undecided event always qualifies, so the rounds end. Independent profiles proceed
    side by side; a chain that is built link by link in time is serial by nature and takes a round
    a link. -#}
{%- macro cdp_scalar(sql) -%}
    {{ return(run_query(sql).columns[0].values()[0]) }}
{%- endmacro -%}

{#- Dense numbers for events (by time) and identifiers (by priority and value), so that the rounds
    join and sort integers. -#}
{%- macro cdp_replay_start(work, sql) -%}
    {%- do cdp_replace_table(work.input, sql) -%}
    {%- set nevers -%}
        select
            o.identifier_id,
            o.other_id,
            o.valid_from,
            row_number() over (order by o.override_id) as never_number
        from {{ ref('int_identity__overrides') }} as o
        where
            o.kind = 'never'
            and o.is_active
            and o.identifier_id in (select i.identifier_id from {{ work.input }} as i)
    {%- endset -%}
    {%- do cdp_replace_table(work.nevers, nevers) -%}
    {%- set rules -%}
        select distinct
            i.priority,
            i.identifier_type,
            i.limit_count,
            i.limit_window,
            cast(null as timestamp) as valid_from
        from {{ work.input }} as i
        union all
        select
            -n.never_number as priority,
            'never' as identifier_type,
            1 as limit_count,
            'never' as limit_window,
            n.valid_from
        from {{ work.nevers }} as n
    {%- endset -%}
    {%- do cdp_replace_table(work.rules, rules) -%}
    {#- At one time links come first, in the order of their ids. #}
    {%- set events -%}
        select
            e.step_id,
            e.event_id,
            e.occurred_at,
            e.is_forced,
            row_number() over (
                order by
                    e.occurred_at,
                    {{ cdp_text_order("coalesce(m.source, '')") }},
                    {{ cdp_text_order('coalesce(m.message_id, cast(e.event_id as '
                        ~ dbt.type_string() ~ '))') }},
                    e.is_forced
            ) as event_number
        from (
            select distinct i.step_id, i.event_id, i.occurred_at, i.is_forced
            from {{ work.input }} as i
        ) as e
        {#- As a condition beside the key DuckDB would compare each step with all evidence. #}
        left join {{ ref('int_identity__evidence') }} as m
            on case when e.is_forced = 0 then e.event_id end = m.event_id
    {%- endset -%}
    {%- do cdp_replace_table(work.events, events) -%}
    {%- set nodes -%}
        select
            n.identifier_id,
            n.priority,
            row_number() over (order by n.priority, {{ cdp_text_order('n.identifier_value') }}) as node
        from (
            select distinct i.identifier_id, i.identifier_value, i.priority
            from {{ work.input }} as i
        ) as n
    {%- endset -%}
    {%- do cdp_replace_table(work.nodes, nodes) -%}
    {%- set apart -%}
        select n.node, -a.never_number as priority
        from {{ work.nevers }} as a
        inner join {{ work.nodes }} as n on a.identifier_id = n.identifier_id
        union all
        select n.node, -a.never_number as priority
        from {{ work.nevers }} as a
        inner join {{ work.nodes }} as n on a.other_id = n.identifier_id
    {%- endset -%}
    {%- do cdp_replace_table(work.apart, apart) -%}
    {%- set settled -%}
        select
            min(n.node) over (partition by i.step_id) as source_id,
            n.node as target_id
        from {{ work.input }} as i
        inner join {{ work.nodes }} as n on i.identifier_id = n.identifier_id
        where i.is_settled = 1
    {%- endset -%}
    {%- do cdp_components(work.settled, settled, work.settled) -%}
    {%- set members -%}
        select
            n.node,
            n.priority,
            case
                when c.component_id is null then n.node
                else min(n.node) over (partition by c.component_id)
            end as label,
            s.added_at
        from {{ work.nodes }} as n
        left join {{ work.settled }} as c on n.node = c.identifier_id
        left join (
            select i.identifier_id, min(i.occurred_at) as added_at
            from {{ work.input }} as i
            where i.is_settled = 1
            group by i.identifier_id
        ) as s on n.identifier_id = s.identifier_id
    {%- endset -%}
    {%- do cdp_replace_table(work.members, members) -%}
    {%- set log -%}
        select
            f.event_number,
            f.node,
            cast(
                case
                    when row_number() over (
                        partition by f.component_id order by f.event_number, f.node
                    ) = 1 then 1
                    else 2
                end as bigint
            ) as step,
            cast(null as bigint) as broken
        from (
            select n.node, c.component_id, min(e.event_number) as event_number
            from {{ work.input }} as i
            inner join {{ work.events }} as e on i.step_id = e.step_id
            inner join {{ work.nodes }} as n on i.identifier_id = n.identifier_id
            inner join {{ work.settled }} as c on n.node = c.identifier_id
            where i.is_settled = 1
            group by n.node, c.component_id
        ) as f
    {%- endset -%}
    {%- do cdp_replace_table(work.log, log) -%}
{%- endmacro -%}

{#- The undecided events. Of events that carry the same identifiers only the first can decide
    anything, unless a window has passed in between, or a link has joined what kept them apart. Up to three identifiers, their count, least,
    greatest and sum say which they are. -#}
{%- macro cdp_replay_steps(work, has_windows) -%}
    {%- set steps -%}
        with
        carried as (
            select e.event_number, n.node, e.occurred_at, e.is_forced, i.component_id
            from {{ work.input }} as i
            inner join {{ work.events }} as e on i.step_id = e.step_id
            inner join {{ work.nodes }} as n on i.identifier_id = n.identifier_id
            where i.is_settled = 0
        ),
        sets as (
            select
                c.event_number,
                c.is_forced,
                count(*) as size,
                min(c.node) as least_node,
                max(c.node) as greatest_node,
                sum(c.node) as sum_of_nodes
            from carried as c
            group by c.event_number, c.is_forced
        ),
        firsts as (
            select
                s.event_number,
                s.size,
                row_number() over (
                    partition by s.is_forced, s.size, s.least_node, s.greatest_node, s.sum_of_nodes
                    order by s.event_number
                ) as turn
            from sets as s
        ),
        linked as (
            select distinct i.component_id
            from {{ work.input }} as i
            where i.is_forced = 1
        )
        select
            c.event_number,
            c.node,
            c.occurred_at,
            c.is_forced,
            case when l.component_id is null then 0 else 1 end as is_linked,
            row_number() over (partition by c.event_number order by c.node) as place
        from carried as c
        inner join firsts as f on c.event_number = f.event_number
        left join linked as l on c.component_id = l.component_id
        where
            f.turn = 1
            or f.size > {{ 1 if has_windows else 3 }}
            or l.component_id is not null
    {%- endset -%}
    {%- do cdp_replace_table(work.steps, steps) -%}
{%- endmacro -%}

{#- Step 1: every identifier of an undecided event, the profile it is in (its label), and whether
    it is in the prefix that the event would keep. -#}
{%- macro cdp_replay_judge(script, work, has_windows) -%}
    {%- set judged -%}
        with
        touched as (
            select
                s.event_number,
                s.node,
                s.occurred_at,
                s.is_forced,
                s.is_linked,
                s.place,
                m.label,
                case when m.added_at is null then 0 else 1 end as is_added,
                row_number() over (partition by s.event_number, m.label order by s.place) as turn
            from {{ work.steps }} as s
            inner join {{ work.members }} as m on s.node = m.node
        ),
        {#- What lies in one profile, or is one new identifier, breaks nothing. #}
        several as (
            select t.event_number
            from touched as t
            group by t.event_number
            having min(t.label) <> max(t.label)
        ),
        firsts as (
            select t.event_number, t.place, t.label, t.occurred_at, t.is_forced
            from touched as t
            inner join several as s on t.event_number = s.event_number
            where t.turn = 1
        ),
        sizes as (
            select m.label, m.priority, count(*) as held
            from {{ work.members }} as m
            inner join {{ work.rules }} as r on m.priority = r.priority
            where r.limit_window = 'ever'
            group by m.label, m.priority
            union all
            select m.label, a.priority, count(*) as held
            from {{ work.members }} as m
            inner join {{ work.apart }} as a on m.node = a.node
            group by m.label, a.priority
        ),
        held as (
            select f.event_number, f.place, f.occurred_at, f.is_forced, s.priority, s.held
            from firsts as f
            inner join sizes as s on f.label = s.label
            {%- if has_windows %}
            union all
            select
                f.event_number,
                f.place,
                f.occurred_at,
                f.is_forced,
                m.priority,
                count(*) as held
            from firsts as f
            inner join {{ work.members }} as m on f.label = m.label
            inner join {{ work.rules }} as r on m.priority = r.priority
            where
                r.limit_window not in ('ever', 'never')
                and (
                    m.added_at is null
                    or m.added_at > {{ cdp_window_start('f.occurred_at', 'r.limit_window') }}
                )
            group by f.event_number, f.place, f.occurred_at, f.is_forced, m.priority
            {%- endif %}
        ),
        totals as (
            select
                h.event_number,
                h.place,
                h.occurred_at,
                h.is_forced,
                h.priority,
                sum(h.held) over (
                    partition by h.event_number, h.priority order by h.place
                    rows between unbounded preceding and current row
                ) as total,
                max(h.held) over (
                    partition by h.event_number, h.priority order by h.place
                    rows between unbounded preceding and current row
                ) as most
            from held as h
        ),
        broken as (
            select
                t.event_number,
                t.place,
                t.priority,
                row_number() over (partition by t.event_number order by t.place, t.priority) as turn
            from totals as t
            inner join {{ work.rules }} as r on t.priority = r.priority
            where
                t.total > r.limit_count
                {#- A link may have put a profile above its limit: that alone breaks nothing. #}
                and t.total > t.most
                and (t.is_forced = 0 or r.limit_window = 'never')
                and (r.valid_from is null or t.occurred_at >= r.valid_from)
        )
        select
            t.event_number,
            t.node,
            t.occurred_at,
            t.is_linked,
            t.place,
            t.label,
            t.is_added,
            t.turn,
            case when t.place >= b.place then 0 else 1 end as is_kept,
            b.priority as broken
        from touched as t
        left join broken as b on t.event_number = b.event_number and b.turn = 1
    {%- endset -%}
    {%- do script.extend(cdp_new_table(work.judged, judged)) -%}
{%- endmacro -%}

{#- Steps 2 and 3: the events that are decided in this round, and the label they leave. -#}
{%- macro cdp_replay_decide(script, work) -%}
    {%- set decided -%}
        with
        prefixes as (
            select
                j.event_number,
                min(case when j.is_kept = 1 then j.label end) as target,
                max(case when j.is_kept = 1 then j.label end) as greatest_label,
                min(case when j.is_kept = 1 then j.is_added end) as is_added,
                min(case when j.is_kept = 1 and j.is_added = 1 then j.place end) as first_added,
                {#- An earlier link may yet join what it would let go of. #}
                max(case when j.is_kept = 0 then j.is_linked else 0 end) as may_grow
            from {{ work.judged }} as j
            group by j.event_number
        ),
        waiting as (
            select j.event_number, j.label
            from {{ work.judged }} as j
            inner join prefixes as p on j.event_number = p.event_number
            where
                j.is_kept = 1
                and not (p.target = p.greatest_label and p.is_added = 1 and p.may_grow = 0)
        ),
        queues as (
            select w.label, min(w.event_number) as first_number
            from waiting as w
            group by w.label
        ),
        firsts as (
            select w.event_number
            from waiting as w
            inner join queues as q on w.label = q.label
            group by w.event_number
            having min(q.first_number) = w.event_number
        )
        select p.event_number, p.target, p.first_added, 1 as is_applied
        from prefixes as p
        inner join firsts as f on p.event_number = f.event_number
        union all
        select p.event_number, p.target, p.first_added, 0 as is_applied
        from prefixes as p
        where
            p.target = p.greatest_label
            and p.is_added = 1
            and p.may_grow = 0
    {%- endset -%}
    {%- do script.extend(cdp_new_table(work.decided, decided)) -%}
    {#- step: 1 created, 2 attached, 3 merged, 4 demoted -#}
    {%- set note -%}
        insert into {{ work.log }}
        select
            j.event_number,
            j.node,
            case
                when j.is_kept = 0 then 4
                when j.is_added = 1 then 3
                when d.first_added is null and j.place = 1 then 1
                else 2
            end as step,
            case when j.is_kept = 0 then j.broken end as broken
        from {{ work.judged }} as j
        inner join {{ work.decided }} as d on j.event_number = d.event_number
        where
            j.is_kept = 0
            or (d.is_applied = 1 and j.is_added = 0)
            or (d.is_applied = 1 and j.turn = 1 and j.place > d.first_added)
    {%- endset -%}
    {%- do script.append(note) -%}
{%- endmacro -%}

{%- macro cdp_replay_apply(script, work) -%}
    {%- set members -%}
        select
            m.node,
            m.priority,
            coalesce(a.target, m.label) as label,
            coalesce(m.added_at, a.occurred_at) as added_at
        from {{ work.members }} as m
        left join (
            select j.label, d.target, j.occurred_at
            from {{ work.judged }} as j
            inner join {{ work.decided }} as d on j.event_number = d.event_number
            where j.is_kept = 1 and j.turn = 1 and d.is_applied = 1
        ) as a on m.label = a.label
    {%- endset -%}
    {%- do script.extend(cdp_new_table(work.next_members, members)) -%}
    {%- set steps -%}
        select s.event_number, s.node, s.occurred_at, s.is_forced, s.is_linked, s.place
        from {{ work.steps }} as s
        left join {{ work.decided }} as d on s.event_number = d.event_number
        where d.event_number is null
    {%- endset -%}
    {%- do script.extend(cdp_new_table(work.next_steps, steps)) -%}
{%- endmacro -%}

{%- macro cdp_replay_result(work, resolution) -%}
    select
        e.event_id,
        n.identifier_id,
        cast(
            case l.step
                when 1 then 'created' when 2 then 'attached' when 3 then 'merged' else 'demoted'
            end as {{ dbt.type_string() }}
        ) as outcome,
        r.identifier_type as broken_type,
        e.occurred_at as decided_at,
        cast(
            case
                when m.added_at is not null
                    then m.label + {{ resolution }} * cast(4294967296 as bigint)
            end as bigint
        ) as profile_number
    from {{ work.log }} as l
    inner join {{ work.events }} as e on l.event_number = e.event_number
    inner join {{ work.nodes }} as n on l.node = n.node
    inner join {{ work.members }} as m on l.node = m.node
    left join {{ work.rules }} as r on l.broken = r.priority
{%- endmacro -%}

{%- materialization identity_replay, default -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {#- More rounds than a loop may have; a round decides one event at least. -#}
    {%- set most_rounds = 99999 -%}
    {%- set work = {} -%}
    {%- set upstreams = ['int_identity__components', 'int_identity__contested'] -%}
    {%- set standing = cdp_standing(upstreams) -%}
    {%- for name in ['input', 'nevers', 'rules', 'events', 'nodes', 'apart', 'settled', 'members', 'next_members', 'steps',
        'next_steps', 'judged', 'decided', 'log'] -%}
        {%- do work.update({name: cdp_work_table(this, name)}) -%}
    {%- endfor -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- do cdp_replay_start(work, sql) -%}
    {%- set has_windows = cdp_scalar("select count(*) from " ~ work.rules
        ~ " where limit_window not in ('ever', 'never')") > 0 -%}
    {%- do cdp_replay_steps(work, has_windows) -%}
    {%- set state = namespace(left=cdp_scalar('select count(*) from ' ~ work.steps), rounds=0) -%}
    {%- for round in range(most_rounds) if state.left > 0 -%}
        {%- set script = [] -%}
        {%- do cdp_replay_judge(script, work, has_windows) -%}
        {%- do cdp_replay_decide(script, work) -%}
        {%- do cdp_replay_apply(script, work) -%}
        {%- do cdp_run_script(script) -%}
        {#- The tables of the next round take the place of this one's. -#}
        {%- do work.update({'members': work.next_members, 'next_members': work.members,
            'steps': work.next_steps, 'next_steps': work.steps}) -%}
        {%- set state.left = cdp_scalar('select count(*) from ' ~ work.steps) -%}
        {%- set state.rounds = round + 1 -%}
    {%- endfor -%}
    {%- if state.left > 0 -%}
        {{ exceptions.raise_compiler_error("error[identity-replay-unfinished]: " ~ state.left
            ~ " identifiers of events were undecided after " ~ most_rounds ~ " rounds") }}
    {%- endif -%}
    {{ log(this.identifier ~ ": " ~ state.rounds ~ " rounds") }}

    {%- set decisions = cdp_replay_result(work, standing.resolution) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(decisions) -%}
    {%- endif -%}
    {%- if standing.follows -%}
        {%- call statement('main') -%} insert into {{ target_relation }} {{ decisions }} {%- endcall -%}
    {%- else -%}
        {%- do cdp_make_anew(target_relation, existing, decisions) -%}
    {%- endif -%}
    {%- do cdp_drop_tables(work.values()) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
