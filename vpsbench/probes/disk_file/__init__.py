"""The file under test, and flushes of it."""
