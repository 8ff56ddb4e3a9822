"""A worse network in front of any server: its figures, what it does to bytes, the proxy."""
