-- The features of the sample are what they would be, had all been computed in this run. It is there
-- where the var cdp_verify_features is: 'sample', or 'all'.
{{ config(enabled=var('cdp_verify_features', '') != '') }}

with

recomputed as (
    select * from {{ ref('int_features__recomputed') }}
),

computed as (
    select * from {{ ref('int_features__computed') }}
    {{ cdp_where_sampled('int_features__computed') }}
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
