"""fio: which jobs, how it is run, and what its output means."""
