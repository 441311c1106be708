"""Pure parsers of what the kernel writes; nothing here opens a file."""
