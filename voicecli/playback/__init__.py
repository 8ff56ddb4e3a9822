"""Samples to sound: buffer, policy and sinks; see `voicecli.playback.base`."""
