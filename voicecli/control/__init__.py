"""Control of what is being spoken: one voice at a time, and commands from other processes."""
