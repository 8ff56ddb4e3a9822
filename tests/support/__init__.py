"""What the tests stand on: a sound server, a recorder, a speech server, tones, the CLI."""
