"""The database: encode, write, read, migrate. ``migrations/`` describes the tables and the bytes."""
