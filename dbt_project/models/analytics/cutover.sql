{{ config(materialized='table') }}

select min({{ open_date('timezone') }}) as cutover_date
from {{ ref('dim_store') }}
