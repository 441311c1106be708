"""Statistics that know no VPS: numbers in, numbers out; numpy only."""
