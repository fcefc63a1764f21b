{{ config(materialized='table') }}

{{ command_states() }}
