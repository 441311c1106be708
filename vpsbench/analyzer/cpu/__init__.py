"""Where a busy vCPU's time went, and what that says of the host."""
