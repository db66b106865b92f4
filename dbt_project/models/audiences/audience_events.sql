-- One row a transition and identifier: the track calls "Audience Entered" and "Audience Exited" as
-- Segment makes them. A profile is named by each of its user ids; without one by each anonymous id;
-- without these by each e-mail address in the context. Of a profile that has none of
-- them, or is gone, one row says only which profile it was. Identifiers are today's: one
-- that a profile gains gives its former transitions another row.

with

audience_transitions as (
    select * from {{ ref('audience_transitions') }}
),

profile_merges as (
    select * from {{ ref('profile_merges') }}
),

user_identifiers as (
    select * from {{ ref('user_identifiers') }}
),

ranked as (
    select
        user_identifiers.canonical_profile_id,
        user_identifiers.identifier_type,
        user_identifiers.identifier_value,
        rank() over (
            partition by user_identifiers.canonical_profile_id
            order by
                case user_identifiers.identifier_type
                    when 'user_id' then 1 when 'anonymous_id' then 2 else 3
                end
        ) as type_rank
    from user_identifiers
    where user_identifiers.identifier_type in ('user_id', 'anonymous_id', 'email')
),

named as (
    select
        audience_transitions.audience_name,
        audience_transitions.canonical_profile_id as written_profile_id,
        coalesce(
            profile_merges.canonical_profile_id,
            audience_transitions.canonical_profile_id
        ) as canonical_profile_id,
        audience_transitions.transition,
        audience_transitions.transitioned_at,
        audience_transitions.reason,
        audience_transitions.run_id,
        ranked.identifier_type,
        ranked.identifier_value
    from audience_transitions
    left join profile_merges
        on audience_transitions.canonical_profile_id = profile_merges.profile_id
    left join ranked
        on profile_merges.canonical_profile_id = ranked.canonical_profile_id
        and ranked.type_rank = 1
),

worded as (
    -- Names of audiences are lower-case letters, digits and '_', which JSON needs not escape.
    select
        named.audience_name,
        named.written_profile_id,
        named.canonical_profile_id,
        named.transition,
        named.transitioned_at,
        named.reason,
        named.run_id,
        named.identifier_type,
        named.identifier_value,
        '"' || named.audience_name || '":'
        || case when named.transition = 'entered' then 'true' else 'false' end as membership,
        case
            when named.identifier_type = 'email'
                then ',"traits":{"email":' || {{ json_string('named.identifier_value') }} || '}'
            else ''
        end as context_traits
    from named
)

select
    cast({{ cdp_key([
        'worded.audience_name',
        'cast(worded.written_profile_id as ' ~ dbt.type_string() ~ ')',
        'worded.transition',
        'cast(worded.transitioned_at as ' ~ dbt.type_string() ~ ')',
        'worded.run_id',
        "coalesce(worded.identifier_type, '')",
        "coalesce(worded.identifier_value, '')",
    ]) }} as {{ dbt.type_string() }}) as message_id,
    cast('track' as {{ dbt.type_string() }}) as type,
    cast(
        case worded.transition when 'entered' then 'Audience Entered' else 'Audience Exited' end
        as {{ dbt.type_string() }}
    ) as event,
    case when worded.identifier_type = 'user_id' then worded.identifier_value end as user_id,
    case when worded.identifier_type = 'anonymous_id' then worded.identifier_value end
        as anonymous_id,
    cast(
        '{"audience_key":"' || worded.audience_name || '",' || worded.membership || '}'
        as {{ dbt.type_string() }}
    ) as properties,
    cast('{' || worded.membership || '}' as {{ dbt.type_string() }}) as traits,
    cast(
        '{"personas":{"computation_class":"audience","computation_id":"aud_'
        || worded.audience_name || '","computation_key":"' || worded.audience_name || '"}'
        || worded.context_traits || '}'
        as {{ dbt.type_string() }}
    ) as context,
    worded.transitioned_at as occurred_at,
    worded.audience_name,
    worded.canonical_profile_id,
    worded.reason
from worded
