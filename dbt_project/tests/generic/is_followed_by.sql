{#- Fails where a table that follows the touched profiles (`table`) holds other rows than the
    view that computes them whole: of the sample that the var cdp_verify_features asks for. -#}
{%- test is_followed_by(model, table) -%}
with

recomputed as (
    select * from {{ model }}
),

computed as (
    select * from {{ ref(table) }}
    {{ cdp.cdp_where_sampled(table) }}
),

missing as (
    select * from recomputed
    except
    select * from computed
),

stale as (
    select * from computed
    except
    select * from recomputed
)

select 'missing' as difference, missing.canonical_profile_id from missing
union all
select 'stale' as difference, stale.canonical_profile_id from stale
{%- endtest -%}
