-- One row an audience and limit of its alert that its last run broke. The run that sees an audience
-- for the first time changes no size; an audience that was empty and is not any more has changed
-- by more than any percentage.

with

audience_sizes as (
    select * from {{ ref('audience_sizes') }}
),

defined as (
    select * from {{ ref('int_audiences__defined') }}
),

compared as (
    select
        audience_sizes.audience_name,
        audience_sizes.as_of,
        audience_sizes.member_count,
        lag(audience_sizes.member_count) over (
            partition by audience_sizes.audience_name order by audience_sizes.as_of
        ) as previous_count,
        row_number() over (
            partition by audience_sizes.audience_name order by audience_sizes.as_of desc
        ) as recency
    from audience_sizes
),

latest as (
    select
        compared.audience_name,
        compared.as_of,
        compared.member_count,
        compared.previous_count,
        defined.alert_change,
        defined.alert_minimum,
        defined.alert_maximum
    from compared
    inner join defined on compared.audience_name = defined.audience_name
    where compared.recency = 1
),

broken as (
    select
        latest.audience_name,
        'change' as alert,
        latest.alert_change as alert_limit,
        latest.as_of,
        latest.member_count,
        latest.previous_count
    from latest
    where
        abs(latest.member_count - latest.previous_count) * 100
        > latest.alert_change * latest.previous_count
    union all
    select
        latest.audience_name,
        'minimum' as alert,
        latest.alert_minimum as alert_limit,
        latest.as_of,
        latest.member_count,
        latest.previous_count
    from latest
    where latest.member_count < latest.alert_minimum
    union all
    select
        latest.audience_name,
        'maximum' as alert,
        latest.alert_maximum as alert_limit,
        latest.as_of,
        latest.member_count,
        latest.previous_count
    from latest
    where latest.member_count > latest.alert_maximum
)

select
    broken.audience_name,
    cast(broken.alert as {{ dbt.type_string() }}) as alert,
    cast(broken.alert_limit as decimal(38, 6)) as alert_limit,
    broken.as_of,
    broken.member_count,
    broken.previous_count
from broken
