"""Running dbt: the SQL in which state, alerts, plans and marts are computed."""
