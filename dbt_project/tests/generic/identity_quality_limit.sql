{#- Fails where the latest run's figure of a measure is out of its limits: above `at_most`, or
    above or below so many times what the run before saw. Figures below `least` never fail. -#}
{%- test identity_quality_limit(
    model, measure, identifier_type='all', at_most=none,
    at_most_times_previous=none, at_least_times_previous=none, least=0
) -%}
with

latest as (
    select max(quality.measured_at) as measured_at
    from {{ model }} as quality
)

select
    quality.measure,
    quality.identifier_type,
    quality.measured,
    quality.previous_measured
from {{ model }} as quality
inner join latest on quality.measured_at = latest.measured_at
where quality.measure = '{{ measure }}'
    and quality.identifier_type = '{{ identifier_type }}'
    and quality.bucket = 'all'
    and quality.measured >= {{ least }}
    and (
        1 = 0
        {%- if at_most is not none %}
        or quality.measured > {{ at_most }}
        {%- endif %}
        {%- if at_most_times_previous is not none %}
        or quality.measured > quality.previous_measured * {{ at_most_times_previous }}
        {%- endif %}
        {%- if at_least_times_previous is not none %}
        or quality.measured < quality.previous_measured * {{ at_least_times_previous }}
        {%- endif %}
    )
{%- endtest -%}
