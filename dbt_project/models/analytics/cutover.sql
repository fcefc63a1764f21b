{{ config(materialized='table') }}

select min({{ local_today('timezone') }}) as cutover_date
from {{ ref('dim_store') }}
