{#- Where a limit's trailing window that ends at a moment begins: values that were added after
    it count. Null for `ever`. A month is 30 days and a year 365: windows of a fixed length. -#}
{%- macro cdp_window_start(moment, window) -%}
    case {{ window }}
        when 'daily' then {{ moment }} - interval '1' day
        when 'weekly' then {{ moment }} - interval '7' day
        when 'monthly' then {{ moment }} - interval '30' day
        when 'annually' then {{ moment }} - interval '365' day
    end
{%- endmacro -%}
