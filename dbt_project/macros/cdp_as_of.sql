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
        '([12]\\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])'
        ~ '(?:[T ]([01]\\d|2[0-3]):([0-5]\\d)(?::([0-5]\\d))?(\\.\\d{1,6})?'
        ~ '\\s*(Z|[-+](?:0\\d|1[0-5]):?[0-5]\\d)?)?$', text
    ) -%}
    {%- set numbers = (found.groups() if found else [])[:3] | map('int') | list -%}
    {#- The last day of the month: 31 days after its first the next one has begun. -#}
    {%- set next_month = modules.datetime.datetime(numbers[0], numbers[1], 1) + modules.datetime.timedelta(days=31) if found -%}
    {%- if not found or numbers[2] > (next_month.replace(day=1) - modules.datetime.timedelta(days=1)).day -%}
        {{ exceptions.raise_compiler_error("cdp_as_of '" ~ text ~ "' is no time: write it as 2026-05-01 or 2026-05-01T12:00:00Z") }}
    {%- endif -%}
    {%- set year, month, day, hour, minute, second, fraction, zone = found.groups() -%}
    {%- set local = modules.datetime.datetime.strptime(
        [year, month, day, hour or '00', minute or '00', second or '00'] | join(' ') ~ (fraction or '.0'),
        '%Y %m %d %H %M %S.%f'
    ) -%}
    {%- set size = 0 -%}
    {%- if zone and zone != 'Z' -%}
        {%- set size = (zone[1:3] | int * 60 + zone[-2:] | int) * (-1 if zone[0] == '-' else 1) -%}
    {%- endif -%}
    {{- (local - modules.datetime.timedelta(minutes=size)).strftime('%Y-%m-%d %H:%M:%S.%f') -}}
{%- endmacro -%}
