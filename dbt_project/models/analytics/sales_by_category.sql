{{ config(materialized='table') }}

{{ sales_by('category', 'category') }}
