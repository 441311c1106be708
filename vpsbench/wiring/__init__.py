"""Puts the rooms together for the commands: how a run starts, goes on and ends, and stored runs."""
