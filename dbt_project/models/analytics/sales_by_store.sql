{{ config(materialized='table') }}

{{ sales_by('store', 'store_id') }}
