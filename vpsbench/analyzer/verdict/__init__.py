"""From findings to a verdict: promise by promise, with the next step."""
