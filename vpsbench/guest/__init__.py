"""The machine that we are in: what it is, and what it lets us see."""
