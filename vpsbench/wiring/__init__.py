"""Puts the rooms together for the commands: a run's start, course and end, and stored runs."""
