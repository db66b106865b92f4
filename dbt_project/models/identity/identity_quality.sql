-- One row a run and measure of the identity graph, with what the run before saw. Append only:
-- the graph of last week cannot be measured again, so a full refresh keeps the rows.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}
{%- set buckets = [
    ('1', 1), ('2', 2), ('3-5', 5), ('6-10', 10), ('11-50', 50), ('51-100', 100),
    ('101-1000', 1000),
] %}

with

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

profile_sizes as (
    select
        identity_graph.canonical_profile_id,
        count(*) as identifier_count
    from identity_graph
    group by identity_graph.canonical_profile_id
),

bucketed as (
    select
        profile_sizes.identifier_count,
        case
            {%- for name, greatest in buckets %}
            when profile_sizes.identifier_count <= {{ greatest }} then '{{ name }}'
            {%- endfor %}
            else '1001 and more'
        end as bucket
    from profile_sizes
),

type_sizes as (
    select
        identity_graph.canonical_profile_id,
        identity_graph.identifier_type,
        count(*) as value_count
    from identity_graph
    group by identity_graph.canonical_profile_id, identity_graph.identifier_type
),

whole as (
    select
        coalesce(sum(profile_sizes.identifier_count), 0) as identifiers,
        count(*) as profiles,
        coalesce(max(profile_sizes.identifier_count), 0) as largest_profile
    from profile_sizes
),

by_size as (
    select
        bucketed.bucket,
        count(*) as profiles,
        sum(bucketed.identifier_count) as identifiers
    from bucketed
    group by bucketed.bucket
),

by_type as (
    select
        type_sizes.identifier_type,
        sum(type_sizes.value_count) as identifiers,
        count(*) as profiles,
        max(type_sizes.value_count) as most_values,
        sum(case when type_sizes.value_count > 1 then 1 else 0 end) as profiles_with_several
    from type_sizes
    group by type_sizes.identifier_type
),

measures as (
    {%- for measure in ['identifiers', 'profiles', 'largest_profile'] %}
    select
        '{{ measure }}' as measure,
        'all' as identifier_type,
        'all' as bucket,
        cast(whole.{{ measure }} as decimal(38, 6)) as measured
    from whole
    union all
    {%- endfor %}
    {%- for measure in ['identifiers', 'profiles'] %}
    select
        '{{ measure }}_by_size' as measure,
        'all' as identifier_type,
        by_size.bucket,
        cast(by_size.{{ measure }} as decimal(38, 6)) as measured
    from by_size
    union all
    {%- endfor %}
    {%- for measure in ['identifiers', 'profiles', 'most_values', 'profiles_with_several'] %}
    select
        '{{ measure }}' as measure,
        by_type.identifier_type,
        'all' as bucket,
        cast(by_type.{{ measure }} as decimal(38, 6)) as measured
    from by_type
    union all
    {%- endfor %}
    select
        'values_per_profile' as measure,
        by_type.identifier_type,
        'all' as bucket,
        cast(by_type.identifiers * 1.0 / by_type.profiles as decimal(38, 6)) as measured
    from by_type
    union all
    select
        'several_values_share' as measure,
        by_type.identifier_type,
        'all' as bucket,
        cast(by_type.profiles_with_several * 1.0 / by_type.profiles as decimal(38, 6)) as measured
    from by_type
),

earlier as (
    {%- if is_incremental() %}
    select
        done.measure,
        done.identifier_type,
        done.bucket,
        done.measured,
        row_number() over (
            partition by done.measure, done.identifier_type, done.bucket
            order by done.measured_at desc, done.run_id desc
        ) as age_rank
    from {{ this }} as done
    {%- else %}
    select
        measures.measure,
        measures.identifier_type,
        measures.bucket,
        measures.measured,
        1 as age_rank
    from measures
    where 1 = 0
    {%- endif %}
)

select
    cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as run_id,
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp) as measured_at,
    cast(measures.measure as {{ dbt.type_string() }}) as measure,
    cast(measures.identifier_type as {{ dbt.type_string() }}) as identifier_type,
    cast(measures.bucket as {{ dbt.type_string() }}) as bucket,
    measures.measured,
    earlier.measured as previous_measured
from measures
left join earlier
    on measures.measure = earlier.measure
    and measures.identifier_type = earlier.identifier_type
    and measures.bucket = earlier.bucket
    and earlier.age_rank = 1
