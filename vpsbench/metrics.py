"""The registry of all metrics."""
