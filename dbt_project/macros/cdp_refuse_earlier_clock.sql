{#- History is only ever appended to: a run whose clock stands before what the table has seen would
    write entries and exits into the past. A clock set back belongs in a schema of its own, with
    --target. Nothing to check without the var: the start of a run is never earlier. In a unit
    test the history is a fixture, and dbt gives its name as a string. -#}
{%- macro cdp_refuse_earlier_clock(history, column) -%}
    {%- if execute and var('cdp_as_of', '') and history is not string
        and load_relation(history) is not none -%}
        {%- set latest = run_query(
            'select max(' ~ column ~ ') from ' ~ history ~ ' where ' ~ column ~ ' > ' ~ cdp_as_of()
        ).columns[0].values()[0] -%}
        {%- if latest is not none -%}
            {{ exceptions.raise_compiler_error(
                "error[clock-set-back]: cdp_as_of is " ~ var('cdp_as_of') ~ ", and "
                ~ history.identifier ~ " has seen " ~ latest
                ~ "\nhelp: look at the past in a schema of its own: add a target with another "
                ~ "schema to profiles.yml and build with --target"
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro -%}
