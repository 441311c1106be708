"""The commands of the CLI, one file each; only they wire rooms together."""
