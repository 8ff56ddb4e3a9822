"""What happened, and when: observers, metrics, records. Never changes what happens."""
