"""Benchmarks of what `voicecli.streams` and the buffering policy are made of."""
