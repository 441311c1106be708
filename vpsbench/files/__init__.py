"""Writing files of the user's, so that there is a whole one, or the old one, or none."""
