"""Walks a profile: turns one after another, monitors all along; survives a failing probe."""
