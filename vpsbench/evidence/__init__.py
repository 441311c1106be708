"""Evidence: one run in a bundle that others can check, and the checking."""
