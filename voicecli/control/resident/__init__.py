"""A process per user that keeps voicecli loaded, so that the next command begins at once."""
