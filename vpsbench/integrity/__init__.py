"""Shows that a run was not changed afterwards: hash chain, seals, the machine's key, redaction."""
