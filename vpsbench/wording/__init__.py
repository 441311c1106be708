"""Figures and texts as a reader meets them: in claims, reports and the terminal."""
