"""The command line: one module per command; flags → settings → call → exit status."""
