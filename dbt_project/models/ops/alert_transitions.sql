{{ config(materialized='table') }}

{{ alert_lives() }}
