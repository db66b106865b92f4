-- Sizes outside of the limits that an audience's definition sets for it. A warning: the members are
-- right by the definition, and somebody should look why they are so few, so many or so different.
{{ config(severity='warn') }}

select
    audience_alerts.audience_name,
    audience_alerts.alert,
    audience_alerts.alert_limit,
    audience_alerts.previous_count,
    audience_alerts.member_count
from {{ ref('audience_alerts') }} as audience_alerts
