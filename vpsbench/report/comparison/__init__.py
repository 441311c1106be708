"""Several runs side by side, as text, HTML and JSON."""
