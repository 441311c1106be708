"""vpsbench: tells whether a rented VPS delivers what was sold."""

__version__ = "0.1.0"
