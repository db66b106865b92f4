-- Every accepted delivery is in stg_events, under its source and message id.
select
    deliveries.source,
    deliveries.message_id
from {{ source('raw', 'events') }} as deliveries
left join {{ ref('stg_events') }} as events
    on deliveries.source = events.source
    and deliveries.message_id = events.message_id
where events.event_id is null
