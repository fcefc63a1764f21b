"""Smart Shelf: the system that keeps every shelf full and throws nothing away."""
