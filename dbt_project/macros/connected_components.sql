{#- Materialises the connected components of an undirected graph.

    The model's SQL gives the edges: two columns, source_id and target_id, of any type. An edge
    from a node to itself only says that there is the node. The table has one row a node: identifier_id and component_id, a number that is the same for
    two nodes exactly when a path joins them, and that means nothing else.

    The method is randomised contraction (Bögeholz, Brand and Todor, "In-database connected
    component analysis", ICDE 2020), in set operations that every engine has:

    1. Nodes get dense numbers, so that the rounds join integers.
    2. Each round renames every node by h(x) = (a x + b) mod p, which is one to one, and each
       node takes the smallest new name among itself and its neighbours as representative.
    3. Edges are rewritten to representatives; loops and repetitions go. The rounds end when
       no edge is left. Every round removes a constant share of the nodes whatever the shape
       of the graph, so a chain of thousands takes about as many rounds as a star.
    4. The rounds' maps are composed from the last to the first. A node that ran out of edges
       early is renamed by the remaining rounds' h, or its name could meet another's.

    p bounds the graph to 2,147,483,646 nodes. The rounds are bounded only so that a fault
    shows as an error; no graph of that size comes near the bound. -#}
{%- macro cdp_rename(x, factors) -%}
    (({{ factors.a }} * {{ x }} + {{ factors.b }}) % 2147483647)
{%- endmacro -%}

{%- macro cdp_round_factors(round) -%}
    {#- Arbitrary but fixed numbers: 0 < a < p, 0 <= b < p. -#}
    {{ return({
        'a': (local_md5('a' ~ round)[:7] | int(base=16)) * 7 + 1,
        'b': local_md5('b' ~ round)[:7] | int(base=16),
    }) }}
{%- endmacro -%}

{%- macro cdp_compose(later, earlier) -%}
    {{ return({
        'a': (later.a * earlier.a) % 2147483647,
        'b': (later.a * earlier.b + later.b) % 2147483647,
    }) }}
{%- endmacro -%}

{%- macro cdp_work_table(relation, suffix) -%}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__' ~ suffix},
        type='table')) }}
{%- endmacro -%}

{%- macro cdp_replace_table(relation, sql) -%}
    {%- do adapter.drop_relation(relation) -%}
    {%- call statement() -%} create table {{ relation }} as {{ sql }} {%- endcall -%}
{%- endmacro -%}

{#- Creates the table `result` from the SQL of the edges. Scratch tables are named after the
    relation `work` (`<work>__edges` and so on), and gone at the end. -#}
{%- macro cdp_components(result, edges_sql, work) -%}
    {%- set edges = cdp_work_table(work, 'edges') -%}
    {%- set nodes = cdp_work_table(work, 'nodes') -%}
    {%- set most_rounds = 100 -%}
    {%- do cdp_replace_table(edges, 'select distinct e.source_id, e.target_id from (' ~ edges_sql
        ~ ') as e') -%}
    {%- set numbered -%}
        select numbered.id, row_number() over (order by numbered.id) as node
        from (
            select e.source_id as id from {{ edges }} as e
            union all
            select e.target_id as id from {{ edges }} as e
        ) as numbered
        group by numbered.id
    {%- endset -%}
    {%- do cdp_replace_table(nodes, numbered) -%}

    {%- set state = namespace(edges=cdp_work_table(work, 'edges_0'), left=0, rounds=0,
        after={'a': 1, 'b': 0}) -%}
    {%- set first -%}
        select distinct s.node as a, t.node as b
        from {{ edges }} as e
        inner join {{ nodes }} as s on e.source_id = s.id
        inner join {{ nodes }} as t on e.target_id = t.id
        where e.source_id <> e.target_id
    {%- endset -%}
    {%- do cdp_replace_table(state.edges, first) -%}
    {%- set state.left = run_query('select count(*) from ' ~ state.edges).columns[0].values()[0] -%}

    {%- for round in range(most_rounds) if state.left > 0 -%}
        {%- set h = cdp_round_factors(round) -%}
        {%- set reps = cdp_work_table(work, 'map_' ~ round) -%}
        {%- set contracted = cdp_work_table(work, 'edges_' ~ (round + 1)) -%}
        {%- set choose -%}
            select
                both_ways.a as node,
                min(least({{ cdp_rename('both_ways.a', h) }}, {{ cdp_rename('both_ways.b', h) }})) as label
            from (
                select e.a, e.b from {{ state.edges }} as e
                union all
                select e.b as a, e.a as b from {{ state.edges }} as e
            ) as both_ways
            group by both_ways.a
        {%- endset -%}
        {%- do cdp_replace_table(reps, choose) -%}
        {#- The loops go by a difference: as `s.label <> t.label` DuckDB takes the condition for
            a join, and joins the maps by it before it looks at the edges. -#}
        {%- set rewrite -%}
            select distinct s.label as a, t.label as b
            from {{ state.edges }} as e
            inner join {{ reps }} as s on e.a = s.node
            inner join {{ reps }} as t on e.b = t.node
            where s.label - t.label <> 0
        {%- endset -%}
        {%- do cdp_replace_table(contracted, rewrite) -%}
        {%- do adapter.drop_relation(state.edges) -%}
        {%- set state.edges = contracted -%}
        {%- set state.left = run_query('select count(*) from ' ~ contracted).columns[0].values()[0] -%}
        {%- set state.rounds = round + 1 -%}
    {%- endfor -%}
    {%- if state.left > 0 -%}
        {{ exceptions.raise_compiler_error("error[identity-not-converged]: the identity graph "
            ~ "still had " ~ state.left ~ " edges after " ~ most_rounds ~ " rounds") }}
    {%- endif -%}
    {%- do adapter.drop_relation(state.edges) -%}

    {#- Step 4. `after` renames by all the rounds after the one at hand. -#}
    {%- for step in range(1, state.rounds) -%}
        {%- set round = state.rounds - 1 - step -%}
        {%- set state.after = cdp_compose(state.after, cdp_round_factors(round + 1)) -%}
        {%- set later = cdp_work_table(work, 'map_' ~ (round + 1)) -%}
        {%- set reps = cdp_work_table(work, 'map_' ~ round) -%}
        {%- set composed = cdp_work_table(work, 'composed') -%}
        {%- set compose -%}
            select m.node, coalesce(l.label, {{ cdp_rename('m.label', state.after) }}) as label
            from {{ reps }} as m
            left join {{ later }} as l on m.label = l.node
        {%- endset -%}
        {%- do cdp_replace_table(composed, compose) -%}
        {%- do adapter.drop_relation(later) -%}
        {%- do adapter.drop_relation(reps) -%}
        {%- do adapter.rename_relation(composed, reps) -%}
    {%- endfor -%}

    {%- set labels = cdp_work_table(work, 'map_0') -%}
    {%- set components -%}
        {%- if state.rounds > 0 -%}
        select n.id as identifier_id, cast(coalesce(l.label, -n.node) as bigint) as component_id
        from {{ nodes }} as n
        left join {{ labels }} as l on n.node = l.node
        {%- else -%}
        select n.id as identifier_id, cast(-n.node as bigint) as component_id from {{ nodes }} as n
        {%- endif -%}
    {%- endset -%}
    {%- do cdp_replace_table(result, components) -%}
    {%- do adapter.drop_relation(labels) -%}
    {%- do adapter.drop_relation(nodes) -%}
    {%- do adapter.drop_relation(edges) -%}
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
    {%- if existing is not none -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(result, target_relation) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
