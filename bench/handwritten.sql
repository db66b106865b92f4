-- What a good engineer would write for exactly these events, as one script. `handwritten.py`
-- runs it phase by phase with the variables `files` and `as_of`, and loops over the block
-- `round` until no label changes. It knows the data: which identifiers, traits and properties
-- occur, and that the broken lines have no message id. It can run once, from nothing: it keeps
-- no raw copy, no ledger and no refused rows, and has no second batch.

-- phase: events
create table events as
with

messages as (
    select
        split_part(filename, '/', -2) as source,
        messageId as message_id,
        type,
        case type
            when 'track' then event
            when 'page' then 'Page Viewed'
            when 'screen' then 'Screen Viewed'
        end as event_name,
        case when type in ('page', 'screen') then name end as page_name,
        userId as user_id,
        anonymousId as anonymous_id,
        groupId as group_id,
        case
            when lower(trim(userId)) not in ('-1', 'null', 'anonymous', 'undefined', 'none', 'nan', '')
                then trim(userId)
        end as kept_user_id,
        case when type = 'identify' then lower(trim(traits ->> '$.email')) end as email,
        "timestamp" + (receivedAt - sentAt) as claimed_at,
        receivedAt as received_at,
        sentAt as sent_at,
        properties,
        traits,
        context
    from read_json(
        getvariable('files'),
        format = 'newline_delimited',
        filename = true,
        ignore_errors = true,
        columns = {
            type: 'varchar', event: 'varchar', name: 'varchar', messageId: 'varchar',
            userId: 'varchar', anonymousId: 'varchar', groupId: 'varchar',
            "timestamp": 'timestamp', sentAt: 'timestamp', receivedAt: 'timestamp',
            properties: 'json', traits: 'json', context: 'json'
        }
    )
    where messageId is not null
),

repeated as (
    select source, message_id
    from messages
    group by source, message_id
    having count(*) > 1
),

-- The earliest delivery of a message. The few that came twice are ranked, the others pass.
firsts as (
    select * from messages
    where (source, message_id) not in (select (source, message_id) from repeated)
    union all
    select * from messages
    where (source, message_id) in (select (source, message_id) from repeated)
    qualify row_number() over (partition by source, message_id order by received_at) = 1
)

select
    firsts.* exclude (claimed_at, kept_user_id, email),
    case
        when claimed_at < timestamp '2000-01-01' or claimed_at > received_at + interval 1 day
            then received_at
        else claimed_at
    end as occurred_at,
    kept_user_id,
    email,
    md5(case
        when kept_user_id is not null then 'user_id' || chr(31) || kept_user_id
        when email is not null then 'email' || chr(31) || email
        else 'anonymous_id' || chr(31) || anonymous_id
    end)::uuid as owner_id
from firsts;

-- phase: identity
-- Events that carry the same identifiers are one row from here on.
create temp table meetings as
select
    owner_id,
    kept_user_id,
    email,
    anonymous_id,
    min(occurred_at) as first_seen_at,
    max(occurred_at) as last_seen_at,
    count(*) as event_count
from events
group by all;

create temp table identifiers as
with

seen as (
    select 1 as priority, 'user_id' as type, kept_user_id as value, * from meetings
    union all
    select 2, 'email', email, * from meetings
    union all
    select 3, 'anonymous_id', anonymous_id, * from meetings
),

grouped as (
    select
        priority,
        type,
        value,
        md5(type || chr(31) || value)::uuid as identifier_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        sum(event_count) filter (owner_id = md5(type || chr(31) || value)::uuid) as owned_event_count
    from seen
    where value is not null
    group by all
)

select *, row_number() over () as node from grouped;

create temp table edges as
with

pairs as (
    select owner_id, md5('email' || chr(31) || email)::uuid as other_id
    from meetings
    where email is not null
    union all
    select owner_id, md5('anonymous_id' || chr(31) || anonymous_id)::uuid
    from meetings
    where anonymous_id is not null
),

numbered as (
    select distinct s.node as a, t.node as b
    from pairs
    inner join identifiers as s on pairs.owner_id = s.identifier_id
    inner join identifiers as t on pairs.other_id = t.identifier_id
    where s.node <> t.node
)

select a, b from numbered
union all
select b, a from numbered;

create temp table labels as select node, node as label from identifiers;

-- loop: round
-- Each node takes the least label around it, then the label of its label.
create or replace temp table nearer as
select mine.node, min(least(mine.label, other.label)) as label
from edges
inner join labels as mine on edges.a = mine.node
inner join labels as other on edges.b = other.node
group by mine.node;

create or replace temp table next_labels as
select labels.node, coalesce(jumped.label, nearer.label, labels.label) as label
from labels
left join nearer on labels.node = nearer.node
left join nearer as jumped on nearer.label = jumped.node;

create or replace temp table labels as select * from next_labels;

-- phase: identity graph
create table identity_graph as
with

named as (
    select
        labels.label,
        arg_min(
            md5('profile' || chr(31) || '' || chr(31) || type || chr(31) || value)::uuid,
            (first_seen_at, priority, value)
        ) as canonical_profile_id
    from identifiers
    inner join labels using (node)
    group by labels.label
)

select
    identifiers.identifier_id,
    identifiers.type as identifier_type,
    identifiers.value as identifier_value,
    named.canonical_profile_id,
    identifiers.first_seen_at,
    identifiers.last_seen_at,
    identifiers.owned_event_count
from identifiers
inner join labels using (node)
inner join named on labels.label = named.label;

create table profile_merges as
select
    md5('profile' || chr(31) || '' || chr(31) || identifier_type || chr(31) || identifier_value)::uuid
        as profile_id,
    canonical_profile_id,
    identifier_id
from identity_graph;

-- phase: profiles
create table profiles as
select
    canonical_profile_id,
    arg_min(identifier_value, (-epoch_us(last_seen_at), identifier_value))
        filter (identifier_type = 'user_id') as user_id,
    arg_min(identifier_value, (-epoch_us(last_seen_at), identifier_value))
        filter (identifier_type = 'email') as email,
    count(*) filter (identifier_type <> 'anonymous_id') = 0 as is_anonymous,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    coalesce(sum(owned_event_count), 0)::bigint as event_count,
    count(*) as identifier_count
from identity_graph
group by canonical_profile_id;

create table user_traits as
with

said as (
    select
        owner_id, occurred_at, source, message_id,
        unnest(['email', 'firstName', 'lastName', 'plan', 'createdAt']) as trait_name,
        unnest(traits ->> ['$.email', '$.firstName', '$.lastName', '$.plan', '$.createdAt'])
            as trait_value
    from events
    where type = 'identify'
)

select
    identity_graph.canonical_profile_id,
    said.trait_name,
    said.trait_value,
    said.occurred_at,
    said.source,
    said.message_id
from said
inner join identity_graph on said.owner_id = identity_graph.identifier_id
where said.trait_value is not null
qualify row_number() over (
    partition by identity_graph.canonical_profile_id, said.trait_name
    order by said.occurred_at desc, said.trait_value desc, said.message_id desc, said.source desc
) = 1;

-- phase: traits
create temp table orders as
select
    identity_graph.canonical_profile_id,
    count(*) as order_count,
    count(*) filter (occurred_at >= getvariable('as_of') - interval 90 day) as orders_90d,
    count(*) filter (occurred_at >= getvariable('as_of') - interval 30 day) as orders_30d,
    sum((properties ->> '$.revenue')::decimal(18, 6)) filter (properties ->> '$.currency' = 'EUR')
        as lifetime_value,
    count(properties ->> '$.revenue') filter (properties ->> '$.currency' = 'EUR') as euro_count,
    min(occurred_at) as first_order_at,
    max(occurred_at) as last_order_at
from events
inner join identity_graph on events.owner_id = identity_graph.identifier_id
where event_name = 'Order Completed' and occurred_at < getvariable('as_of')
group by identity_graph.canonical_profile_id;

create temp table carts as
select identity_graph.canonical_profile_id, count(*) as added_30d
from events
inner join identity_graph on events.owner_id = identity_graph.identifier_id
where
    event_name = 'Product Added'
    and occurred_at < getvariable('as_of')
    and occurred_at >= getvariable('as_of') - interval 30 day
group by identity_graph.canonical_profile_id;

-- Views by profile and category: one row a category is enough for everything asked of them.
create temp table views as
with

viewed as (
    select
        identity_graph.canonical_profile_id,
        events.occurred_at,
        unnest([properties ->> ['$.category', '$.price']]) as fields
    from events
    inner join identity_graph on events.owner_id = identity_graph.identifier_id
    where event_name = 'Product Viewed' and occurred_at < getvariable('as_of')
),

by_category as (
    select
        canonical_profile_id,
        fields[1] as category,
        count(*) as view_count,
        max(occurred_at) as last_viewed_at,
        count(*) filter (occurred_at >= getvariable('as_of') - interval 30 day) as views_30d,
        count(*) filter (fields[2]::decimal(18, 2) > 100) as expensive_views
    from viewed
    group by all
)

select
    canonical_profile_id,
    arg_max(category, (last_viewed_at, category)) as last_category,
    arg_min(category, (-view_count, category)) as favourite_category,
    array_agg(category order by category)
        filter (last_viewed_at >= getvariable('as_of') - interval 90 day) as viewed_categories,
    sum(views_30d) as views_30d,
    sum(expensive_views) as expensive_views
from by_category
group by canonical_profile_id;

create table computed_traits as
with

people as (
    select
        canonical_profile_id,
        max(trait_value) filter (trait_name = 'plan') as plan,
        max(trait_value) filter (trait_name = 'firstName') as first_name,
        (max(trait_value) filter (trait_name = 'createdAt'))::timestamp as signed_up_at
    from user_traits
    where trait_name in ('plan', 'firstName', 'createdAt')
    group by canonical_profile_id
)

select
    profiles.canonical_profile_id,
    coalesce(orders.order_count, 0) as order_count,
    coalesce(orders.orders_90d, 0) as orders_90d,
    coalesce(orders.lifetime_value, 0) as lifetime_value,
    (orders.lifetime_value / nullif(orders.euro_count, 0))::decimal(38, 6) as average_order_value,
    orders.first_order_at,
    orders.last_order_at,
    views.last_category,
    views.favourite_category,
    views.viewed_categories,
    people.plan,
    people.first_name,
    people.signed_up_at,
    profiles.is_anonymous,
    coalesce(orders.orders_30d, 0) as orders_30d,
    coalesce(carts.added_30d, 0) as added_30d,
    coalesce(views.views_30d, 0) as views_30d,
    coalesce(views.expensive_views, 0) as expensive_views
from profiles
left join orders using (canonical_profile_id)
left join carts using (canonical_profile_id)
left join views using (canonical_profile_id)
left join people using (canonical_profile_id);

-- phase: audiences
create table audience_memberships as
with

judged as (
    select
        canonical_profile_id,
        not is_anonymous and lifetime_value >= 500 and orders_90d >= 1 as vip_customers,
        not is_anonymous and added_30d >= 1 and orders_30d = 0 as cart_abandoners,
        views_30d >= 5 as engaged_visitors,
        not is_anonymous
        and (order_count >= 2 or lifetime_value > 200)
        and last_order_at < getvariable('as_of') - interval 60 day
        and not (lifetime_value >= 500 and orders_90d >= 1) as lapsed_buyers,
        not is_anonymous and plan in ('plus', 'pro') and expensive_views >= 3 and order_count = 0
            as premium_browsers
    from computed_traits
)

select
    name as audience_name,
    canonical_profile_id,
    getvariable('as_of') as entered_at
from (unpivot judged on columns(* exclude canonical_profile_id) into name name value is_member)
where is_member;

-- phase: sync csv
create temp table vip_rows as
select
    'upsert' as operation,
    profiles.canonical_profile_id::varchar as key,
    (
        select arg_max(g.identifier_value, (g.last_seen_at, g.identifier_value))
        from identity_graph as g
        where g.canonical_profile_id = profiles.canonical_profile_id and g.identifier_type = 'email'
    ) as email,
    computed_traits.lifetime_value,
    computed_traits.order_count,
    computed_traits.plan
from audience_memberships
inner join profiles using (canonical_profile_id)
inner join computed_traits using (canonical_profile_id)
where audience_name = 'vip_customers';

-- phase: sync http
create temp table cart_rows as
select
    profiles.canonical_profile_id::varchar as key,
    arg_max(g.identifier_value, (g.last_seen_at, g.identifier_value))
        filter (g.identifier_type = 'email') as email,
    arg_max(g.identifier_value, (g.last_seen_at, g.identifier_value))
        filter (g.identifier_type = 'user_id') as user_id,
    any_value(computed_traits.last_category) as last_category,
    'cart_abandoners' as list
from audience_memberships
inner join profiles using (canonical_profile_id)
inner join computed_traits using (canonical_profile_id)
inner join identity_graph as g using (canonical_profile_id)
where audience_name = 'cart_abandoners'
group by profiles.canonical_profile_id;
