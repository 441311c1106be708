"""What the plain tables are called, what a row of readings holds, and what to ask of them."""
