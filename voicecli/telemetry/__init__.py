"""Record what happened when: events, observers, metrics, event log, traces."""
