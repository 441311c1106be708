"""The pinned loop of the CPU probe."""
