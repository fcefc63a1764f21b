{{ config(materialized='table') }}

{{ sales_by('country', 'country') }}
