"""The database: encode, write, decode, read, migrate. ``migrations/`` describes the tables and the bytes."""
