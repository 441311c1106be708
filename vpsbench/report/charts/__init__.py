"""The charts of a report, and what each is drawn from."""
