"""Pages that the memory probes hold, touch, and verify."""
