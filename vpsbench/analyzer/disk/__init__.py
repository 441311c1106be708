"""What a disk delivered, and what sparse reads saw all along."""
