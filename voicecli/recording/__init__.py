"""Files of sound: what a run keeps of what was heard."""
