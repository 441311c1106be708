"""Fast, then slow: what CPU and disk bursts have in common."""
