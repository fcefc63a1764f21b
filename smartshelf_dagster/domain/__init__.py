"""Pure rules: no clock, no global randomness, no orchestrator, no database, no broker."""
