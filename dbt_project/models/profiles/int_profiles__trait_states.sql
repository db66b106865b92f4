-- One row a call that may have changed what a profile's trait is, and what it is from then on, for
-- the traits with another rule than latest (where every call says what the trait is).
--
--   first            the first value since the last removal
--   most_frequent    the value given most often since the last removal; of several, the one
--                    given last
--   source_priority  the latest that the first source said, unless that is a removal or nothing;
--                    then the second's, and so on; sources that are not listed speak last, as one
--
-- A view: without such traits it costs nothing.
{{ config(materialized='view', schema='internal') }}

with

trait_updates as (
    select * from {{ ref('int_profiles__trait_updates') }}
),

trait_rules as (
    select * from {{ ref('int_profiles__trait_rules') }}
),

-- A trait without a rule of its own has that of the empty name; each rule has one row for the
-- sources that it does not list.
ruled as (
    select
        trait_updates.canonical_profile_id,
        trait_updates.trait_name,
        trait_updates.trait_value,
        trait_updates.occurred_at,
        trait_updates.source,
        trait_updates.message_id,
        coalesce(own.trait_name, others.trait_name) as rule_name,
        coalesce(own.keep, others.keep) as keep
    from trait_updates
    inner join trait_rules as others
        on others.trait_name = ''
        and others.source = ''
    left join trait_rules as own
        on trait_updates.trait_name = own.trait_name
        and own.source = ''
    where coalesce(own.keep, others.keep) <> 'latest'
),

numbered as (
    select
        ruled.*,
        row_number() over (
            partition by ruled.canonical_profile_id, ruled.trait_name
            order by {{ cdp_trait_order('ruled') }}
        ) as update_number
    from ruled
),

-- What follows a removal starts anew: `removals` counts those so far.
chosen as (
    select
        numbered.*,
        lag(numbered.trait_value) over (
            partition by numbered.canonical_profile_id, numbered.trait_name
            order by numbered.update_number
        ) as value_before,
        sum(case when numbered.trait_value is null then 1 else 0 end) over (
            partition by numbered.canonical_profile_id, numbered.trait_name
            order by numbered.update_number
            rows between unbounded preceding and current row
        ) as removals
    from numbered
    where numbered.keep in ('first', 'most_frequent')
),

counted as (
    select
        chosen.*,
        count(*) over (
            partition by
                chosen.canonical_profile_id,
                chosen.trait_name,
                chosen.removals,
                chosen.trait_value
            order by chosen.update_number
            rows between unbounded preceding and current row
        ) as times_given
    from chosen
    where chosen.keep = 'most_frequent'
),

-- A value leads from the call that gives it as often as any was given so far, until another does.
scored as (
    select
        counted.*,
        max(counted.times_given) over (
            partition by counted.canonical_profile_id, counted.trait_name, counted.removals
            order by counted.update_number
            rows between unbounded preceding and current row
        ) as most_times_given
    from counted
    where counted.trait_value is not null
),

ranked as (
    select
        numbered.*,
        coalesce(listed.source_rank, others.source_rank) as source_rank
    from numbered
    inner join trait_rules as others
        on numbered.rule_name = others.trait_name
        and others.source = ''
    left join trait_rules as listed
        on numbered.rule_name = listed.trait_name
        and numbered.source = listed.source
    where numbered.keep = 'source_priority'
),

-- Each call beside every source that is asked, with how often that one has spoken so far.
asked as (
    select
        ranked.canonical_profile_id,
        ranked.trait_name,
        ranked.update_number,
        ranked.occurred_at,
        ranked.source,
        ranked.message_id,
        ranked.trait_value,
        trait_rules.source_rank,
        sum(case when ranked.source_rank = trait_rules.source_rank then 1 else 0 end) over (
            partition by
                ranked.canonical_profile_id,
                ranked.trait_name,
                trait_rules.source_rank
            order by ranked.update_number
            rows between unbounded preceding and current row
        ) as times_spoken
    from ranked
    inner join trait_rules on ranked.rule_name = trait_rules.trait_name
),

-- What it said last is the first row with that count.
standing as (
    select
        asked.canonical_profile_id,
        asked.trait_name,
        asked.update_number,
        asked.occurred_at,
        asked.source,
        asked.message_id,
        asked.source_rank,
        first_value(asked.trait_value) over spoken as trait_value,
        first_value(asked.occurred_at) over spoken as value_occurred_at,
        first_value(asked.source) over spoken as value_source,
        first_value(asked.message_id) over spoken as value_message_id
    from asked
    where asked.times_spoken > 0
    window spoken as (
        partition by
            asked.canonical_profile_id,
            asked.trait_name,
            asked.source_rank,
            asked.times_spoken
        order by asked.update_number
    )
),

heard as (
    select
        standing.*,
        row_number() over (
            partition by standing.canonical_profile_id, standing.trait_name, standing.update_number
            order by
                case when standing.trait_value is null then 1 else 0 end,
                standing.source_rank
        ) as hearing_rank
    from standing
),

states as (
    select
        chosen.canonical_profile_id,
        chosen.trait_name,
        chosen.update_number,
        chosen.occurred_at,
        chosen.source,
        chosen.message_id,
        chosen.trait_value,
        chosen.occurred_at as value_occurred_at,
        chosen.source as value_source,
        chosen.message_id as value_message_id
    from chosen
    where
        chosen.trait_value is null
        or (chosen.keep = 'first' and chosen.value_before is null)
    union all
    select
        scored.canonical_profile_id,
        scored.trait_name,
        scored.update_number,
        scored.occurred_at,
        scored.source,
        scored.message_id,
        scored.trait_value,
        scored.occurred_at as value_occurred_at,
        scored.source as value_source,
        scored.message_id as value_message_id
    from scored
    where scored.times_given = scored.most_times_given
    union all
    select
        heard.canonical_profile_id,
        heard.trait_name,
        heard.update_number,
        heard.occurred_at,
        heard.source,
        heard.message_id,
        heard.trait_value,
        heard.value_occurred_at,
        heard.value_source,
        heard.value_message_id
    from heard
    where heard.hearing_rank = 1
)

select
    states.canonical_profile_id,
    states.trait_name,
    states.update_number,
    states.occurred_at,
    states.source,
    states.message_id,
    states.trait_value,
    case when states.trait_value is not null then states.value_occurred_at end as value_occurred_at,
    case when states.trait_value is not null then states.value_source end as value_source,
    case when states.trait_value is not null then states.value_message_id end as value_message_id
from states
