"""A run in formats that other tools read; readings pass through bit by bit, however many there are."""
