{#- The moment that every window ends at: the var, else the start of the run, in UTC.
    Only the features model reads it; everything above reads its column. -#}
{%- macro cdp_as_of() -%}
    {%- set given = var('cdp_as_of', '') | string -%}
    {%- set moment = cdp.cdp_utc(given) if given else run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') -%}
    cast('{{ moment }}' as timestamp)
{%- endmacro -%}

{#- ISO text as naive UTC. Engines read a zone in it each in their own way, or drop it. -#}
{%- macro cdp_utc(text) -%}
    {%- set found = modules.re.match(
        '(\\d{4}-\\d\\d-\\d\\d)(?:[T ](\\d\\d:\\d\\d)(:\\d\\d)?(\\.\\d{1,6})?\\s*(Z|[-+]\\d\\d:?\\d\\d)?)?$', text
    ) -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error("cdp_as_of is no time: write it as 2026-05-01 or 2026-05-01T12:00:00Z") }}
    {%- endif -%}
    {%- set date, minute, second, fraction, zone = found.groups() -%}
    {%- set local = modules.datetime.datetime.strptime(
        date ~ ' ' ~ (minute or '00:00') ~ (second or ':00') ~ (fraction or '.0'), '%Y-%m-%d %H:%M:%S.%f'
    ) -%}
    {%- set size = 0 -%}
    {%- if zone and zone != 'Z' -%}
        {%- set size = (zone[1:3] | int * 60 + zone[-2:] | int) * (-1 if zone[0] == '-' else 1) -%}
    {%- endif -%}
    {{- (local - modules.datetime.timedelta(minutes=size)).strftime('%Y-%m-%d %H:%M:%S.%f') -}}
{%- endmacro -%}
