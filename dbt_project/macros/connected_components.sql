{#- Materialises the connected components of an undirected graph.

    The model's SQL gives the edges: two columns, source_id and target_id, of any type. An edge
    from a node to itself only says that there is the node. The table has one row a node:
    identifier_id and component_id, a number from 0 to 2^62 - 1 that is the same for two nodes
    exactly when a path joins them, and that means nothing else.

    The method is randomised contraction (Bögeholz, Brand and Todor, "In-database connected
    component analysis", ICDE 2020), in set operations that every engine has. In a round each
    node takes the first among itself and its neighbours, in a random order, as representative;
    edges are rewritten to representatives; loops and repetitions go. The rounds end when no
    edge is left. They remove a constant share of the nodes whatever the shape of the graph, so
    a chain of thousands takes about as many rounds as a star. The rounds' maps are composed from
    the last to the first.

    Three things make it fast:

    1. Nodes are known by a code, 62 bits of a hash, from the first statement on: the engine
       groups and joins numbers, and no dictionary has to be made and joined first. If two
       identifiers share a code, which ten million do once in 90,000 times, the first statement
       shows it, and all begins again with other codes.
    2. Codes are random, so the first order is that of the codes themselves.
    3. An order serves two rounds. The first leaves around the least leaf of a star those that
       come before its centre; with the same order the second ends it, with another it would
       only halve them.

    The codes bound the graph to about a billion nodes, where every tenth attempt fails. The
    rounds are bounded only so that a fault shows as an error. -#}
{%- macro cdp_node_code(id, attempt) -%}
    {#- A number from 0 to 2^62 - 1, for an identifier of any type. -#}
    {{ return(adapter.dispatch('cdp_node_code', 'cdp')(id, attempt)) }}
{%- endmacro -%}

{%- macro default__cdp_node_code(id, attempt) -%}
    {{ return('(xxhash64(cast(' ~ id ~ ' as string), ' ~ attempt ~ ') & 4611686018427387903)') }}
{%- endmacro -%}

{%- macro duckdb__cdp_node_code(id, attempt) -%}
    {%- set value = id if attempt == 0 else 'cast(' ~ id ~ " as varchar) || '#" ~ attempt ~ "'" -%}
    {{ return('cast(hash(' ~ value ~ ') >> 2 as bigint)') }}
{%- endmacro -%}

{%- macro postgres__cdp_node_code(id, attempt) -%}
    {{ return('(hashtextextended(cast(' ~ id ~ ' as text), ' ~ attempt ~ ') & 4611686018427387903)') }}
{%- endmacro -%}

{%- macro redshift__cdp_node_code(id, attempt) -%}
    {{ return('(farmfingerprint64(cast(' ~ id ~ " as varchar) || '#" ~ attempt
        ~ "') & 4611686018427387903)") }}
{%- endmacro -%}

{%- macro bigquery__cdp_node_code(id, attempt) -%}
    {{ return('(farm_fingerprint(cast(' ~ id ~ " as string) || '#" ~ attempt
        ~ "') & 4611686018427387903)") }}
{%- endmacro -%}

{%- macro snowflake__cdp_node_code(id, attempt) -%}
    {{ return('bitand(hash(' ~ id ~ ', ' ~ attempt ~ '), 4611686018427387903)') }}
{%- endmacro -%}

{#- A code's place in an order. Order 0 is the codes'. In the others a random multiple of the
    code's lower 31 bits is added to its upper ones, modulo 2^31, which can be taken back:
    half, and with it the code, follows from the place. -#}
{%- macro cdp_place(code, order) -%}
    {%- if order == 0 -%} {{ return(code) }} {%- endif -%}
    {%- set low -%} ({{ code }} % 2147483648) {%- endset -%}
    {%- set f = cdp_order_factors(order) -%}
    (({{ code }} - {{ low }} + (({{ f.a }} * {{ low }} + {{ f.b }}) % 2147483648) * 2147483648)
        % 4611686018427387904 + {{ low }})
{%- endmacro -%}

{%- macro cdp_code_at(place, order) -%}
    {%- if order == 0 -%} {{ return(place) }} {%- endif -%}
    {%- set low -%} ({{ place }} % 2147483648) {%- endset -%}
    {%- set f = cdp_order_factors(order) -%}
    (({{ place }} - {{ low }}
        + (2147483648 - ({{ f.a }} * {{ low }} + {{ f.b }}) % 2147483648) * 2147483648)
        % 4611686018427387904 + {{ low }})
{%- endmacro -%}

{%- macro cdp_order_factors(order) -%}
    {#- Arbitrary but fixed numbers below 2^31. -#}
    {{ return({
        'a': local_md5('a' ~ order)[:7] | int(base=16) * 8 + 1,
        'b': local_md5('b' ~ order)[:7] | int(base=16),
    }) }}
{%- endmacro -%}

{#- A table for the time of a materialisation. On DuckDB a temporary one: its file would keep
    the room that scratch tables once took. -#}
{%- macro cdp_work_table(relation, suffix) -%}
    {%- set path = {'identifier': relation.identifier ~ '__' ~ suffix} -%}
    {%- if target.type == 'duckdb' -%}
        {%- do path.update({'database': 'temp', 'schema': 'main'}) -%}
    {%- endif -%}
    {{ return(relation.incorporate(path=path, type='table')) }}
{%- endmacro -%}

{%- macro cdp_create_table(relation, sql) -%}
    {%- set kind = 'temporary table' if relation.database == 'temp' else 'table' -%}
    {{ return('create ' ~ kind ~ ' ' ~ relation ~ ' as ' ~ sql) }}
{%- endmacro -%}

{#- The statements that make a work table anew. -#}
{%- macro cdp_new_table(relation, sql) -%}
    {{ return(['drop table if exists ' ~ relation, cdp.cdp_create_table(relation, sql)]) }}
{%- endmacro -%}

{#- Statements one after another; in one call where the engine takes several, for small tables
    cost more in calls than in work. -#}
{%- macro cdp_run_script(statements) -%}
    {%- set at_once = target.type in ('duckdb', 'postgres') -%}
    {%- for one in ([statements | join(';\n')] if at_once else statements) -%}
        {%- call statement() -%} {{ one }} {%- endcall -%}
    {%- endfor -%}
{%- endmacro -%}

{%- macro cdp_replace_table(relation, sql) -%}
    {%- do cdp.cdp_run_script(cdp.cdp_new_table(relation, sql)) -%}
{%- endmacro -%}

{%- macro cdp_drop_tables(relations) -%}
    {%- set statements = [] -%}
    {%- for relation in relations -%}
        {%- do statements.append('drop table if exists ' ~ relation) -%}
    {%- endfor -%}
    {%- do cdp.cdp_run_script(statements) -%}
{%- endmacro -%}

{#- A table that a materialisation made takes the place of the one that was there, if any. -#}
{%- macro cdp_put_in_place(made, relation, existing) -%}
    {%- if existing is not none -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(made, relation) -%}
{%- endmacro -%}

{#- The main statement of a materialisation that makes its table anew. -#}
{%- macro cdp_make_anew(relation, existing, sql) -%}
    {%- set made = make_intermediate_relation(relation) -%}
    {%- do adapter.drop_relation(made) -%}
    {%- call statement('main') -%} create table {{ made }} as {{ sql }} {%- endcall -%}
    {%- do cdp.cdp_put_in_place(made, relation, existing) -%}
{%- endmacro -%}

{#- Edges between representatives. Only nodes that are not their own are looked up. The loops
    go by a difference: as `a <> b` DuckDB takes the condition for a join. Where there are fewer
    edges than nodes they are mostly trees, in which no edge comes to be there twice: repetitions
    are looked for only where there may be many. -#}
{%- macro cdp_rewrite(contracted, pairs, reps, edge_count) -%}
    {%- set node_count = cdp_scalar('select count(*) from ' ~ reps) -%}
    {%- set rewrite -%}
        select {{ 'distinct' if edge_count >= node_count }}
            coalesce(s.label, e.a) as a,
            coalesce(t.label, e.b) as b
        from ({{ pairs }}) as e
        left join (
            select r.node, r.label from {{ reps }} as r where r.node - r.label <> 0
        ) as s on e.a = s.node
        left join (
            select r.node, r.label from {{ reps }} as r where r.node - r.label <> 0
        ) as t on e.b = t.node
        where coalesce(s.label, e.a) - coalesce(t.label, e.b) <> 0
    {%- endset -%}
    {%- do cdp_replace_table(contracted, rewrite) -%}
{%- endmacro -%}

{#- The first round, which makes the table of nodes (id, node, label) too. False where two
    identifiers share a code. -#}
{%- macro cdp_first_round(edges, nodes, contracted, attempt) -%}
    {%- set source -%} {{ cdp_node_code('e.source_id', attempt) }} {%- endset -%}
    {%- set target -%} {{ cdp_node_code('e.target_id', attempt) }} {%- endset -%}
    {%- set kind = adapter.get_columns_in_relation(edges)[0].dtype -%}
    {%- set choose -%}
        select
            both_ways.node,
            {{ cdp_extreme_id('min', kind) }} as id,
            least(both_ways.node, min(both_ways.neighbour)) as label,
            case
                when {{ cdp_extreme_id('min', kind) }} = {{ cdp_extreme_id('max', kind) }} then 0
                else 1
            end as is_shared
        from (
            select e.source_id as id, {{ source }} as node, {{ target }} as neighbour
            from {{ edges }} as e
            union all
            select e.target_id as id, {{ target }} as node, {{ source }} as neighbour
            from {{ edges }} as e
            where e.source_id <> e.target_id
        ) as both_ways
        group by both_ways.node
    {%- endset -%}
    {%- do cdp_replace_table(nodes, choose) -%}
    {%- if cdp_scalar('select count(*) from ' ~ nodes ~ ' as n where n.is_shared = 1') > 0 -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set pairs -%}
        select {{ source }} as a, {{ target }} as b
        from {{ edges }} as e
        where e.source_id <> e.target_id
    {%- endset -%}
    {%- do cdp_rewrite(contracted, pairs, nodes, cdp_scalar('select count(*) from ' ~ edges
        ~ ' as e where e.source_id <> e.target_id')) -%}
    {{ return(true) }}
{%- endmacro -%}

{#- PostgreSQL has no least UUID. -#}
{%- macro cdp_extreme_id(extreme, kind) -%}
    {%- if target.type == 'postgres' -%}
        cast({{ extreme }}(cast(both_ways.id as text)) as {{ kind }})
    {%- else -%}
        {{ extreme }}(both_ways.id)
    {%- endif -%}
{%- endmacro -%}

{%- macro cdp_next_round(edges, edge_count, reps, contracted, order) -%}
    {%- set choose -%}
        select
            chosen.node,
            {{ cdp_code_at('chosen.place', order) }} as label
        from (
            select
                both_ways.a as node,
                least(
                    {{ cdp_place('both_ways.a', order) }},
                    min({{ cdp_place('both_ways.b', order) }})
                ) as place
            from (
                select e.a, e.b from {{ edges }} as e
                union all
                select e.b as a, e.a as b from {{ edges }} as e
            ) as both_ways
            group by both_ways.a
        ) as chosen
    {%- endset -%}
    {%- do cdp_replace_table(reps, choose) -%}
    {%- do cdp_rewrite(
        contracted, 'select d.a, d.b from ' ~ edges ~ ' as d', reps, edge_count) -%}
    {%- do cdp_drop_tables([edges]) -%}
{%- endmacro -%}

{#- Creates the table `result` from the SQL of the edges. Scratch tables are named after the
    relation `work` (`<work>__edges` and so on), and gone at the end. -#}
{%- macro cdp_components(result, edges_sql, work) -%}
    {%- set edges = cdp_work_table(work, 'edges') -%}
    {%- set nodes = cdp_work_table(work, 'nodes') -%}
    {%- set most_attempts = 5 -%}
    {%- set most_rounds = 100 -%}
    {%- set state = namespace(edges=cdp_work_table(work, 'edges_1'), left=0, rounds=1, coded=false) -%}

    {%- do cdp_replace_table(edges, 'select e.source_id, e.target_id from (' ~ edges_sql
        ~ ') as e') -%}
    {%- for attempt in range(most_attempts) if not state.coded -%}
        {%- set state.coded = cdp_first_round(edges, nodes, state.edges, attempt) -%}
    {%- endfor -%}
    {%- if not state.coded -%}
        {{ exceptions.raise_compiler_error("error[identity-codes-collide]: two identifiers of "
            ~ "the graph share a code in each of " ~ most_attempts ~ " attempts") }}
    {%- endif -%}
    {%- do cdp_drop_tables([edges]) -%}
    {%- set state.left = cdp_scalar('select count(*) from ' ~ state.edges) -%}

    {%- for round in range(1, most_rounds) if state.left > 0 -%}
        {%- set reps = cdp_work_table(work, 'map_' ~ round) -%}
        {%- set contracted = cdp_work_table(work, 'edges_' ~ (round + 1)) -%}
        {%- do cdp_next_round(state.edges, state.left, reps, contracted, round // 2) -%}
        {%- set state.edges = contracted -%}
        {%- set state.left = cdp_scalar('select count(*) from ' ~ contracted) -%}
        {%- set state.rounds = round + 1 -%}
    {%- endfor -%}
    {%- if state.left > 0 -%}
        {{ exceptions.raise_compiler_error("error[identity-not-converged]: the identity graph "
            ~ "still had " ~ state.left ~ " edges after " ~ most_rounds ~ " rounds") }}
    {%- endif -%}
    {%- do cdp_drop_tables([state.edges]) -%}

    {#- A node that ran out of edges keeps the label that it had. -#}
    {%- for step in range(2, state.rounds) -%}
        {%- set round = state.rounds - step -%}
        {%- set later = cdp_work_table(work, 'map_' ~ (round + 1)) -%}
        {%- set reps = cdp_work_table(work, 'map_' ~ round) -%}
        {%- set composed = cdp_work_table(work, 'composed') -%}
        {%- set compose -%}
            select m.node, coalesce(l.label, m.label) as label
            from {{ reps }} as m
            left join (
                select r.node, r.label from {{ later }} as r where r.node - r.label <> 0
            ) as l on m.label = l.node
        {%- endset -%}
        {%- do cdp_replace_table(composed, compose) -%}
        {%- do cdp_drop_tables([later, reps]) -%}
        {%- do adapter.rename_relation(composed, reps) -%}
    {%- endfor -%}

    {%- set labels = cdp_work_table(work, 'map_1') -%}
    {%- set components -%}
        {%- if state.rounds > 1 -%}
        select n.id as identifier_id, coalesce(l.label, n.label) as component_id
        from {{ nodes }} as n
        left join (
            select r.node, r.label from {{ labels }} as r where r.node - r.label <> 0
        ) as l on n.label = l.node
        {%- else -%}
        select n.id as identifier_id, n.label as component_id from {{ nodes }} as n
        {%- endif -%}
    {%- endset -%}
    {%- do cdp_replace_table(result, components) -%}
    {%- do cdp_drop_tables([labels, nodes]) -%}
{%- endmacro -%}

{%- materialization connected_components, default -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set result = make_intermediate_relation(target_relation) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- do cdp_components(result, sql, this) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent('select * from ' ~ result) -%}
    {%- endif -%}
    {%- call noop_statement('main', 'OK', 'CREATE TABLE') -%} {%- endcall -%}
    {%- do cdp_put_in_place(result, target_relation, existing) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
