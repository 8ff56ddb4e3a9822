"""The text stage: turn text that arrives in pieces into segments, one request each."""
