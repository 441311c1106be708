"""What became of held memory, and what is declared about a guest's memory."""
