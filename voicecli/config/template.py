"""The configuration file that ``voicecli config init`` writes: every key, with its default."""

from __future__ import annotations

TEMPLATE = """\
# Configuration of voicecli. Everything is optional; remove "# " to set something.
# docs/configuration.md explains every key; `voicecli config show` prints what applies.

# The profile to use if no option or variable names a server.
# default_profile = "kokoro"

# The voice to use if nothing else names one.
# voice = "heart"

# Part of the name of a sound device, or its number: `voicecli devices` lists them.
# device = "headphones"

# A factor; 1 leaves the sound unchanged.
# volume = 1.0

# Audio to buffer before playback: "auto", or milliseconds.
# buffer_ms = "auto"

# Audio that the sound device buffers: "auto", or milliseconds.
# latency_ms = "auto"

# Silence to play first, for devices that wake up slowly.
# preroll_ms = 0

# Rate of raw PCM if the server does not report it.
# sample_rate = 24000

# Longest wait for the first byte and for each one after it, and for a connection.
# timeout_s = 60
# connect_timeout_s = 5

# How often a request that failed is made again.
# retries = 2

# Whether a resident, which has everything loaded, is used: "auto", "on" or "off".
# resident = "auto"

# Folder of --debug-audio.
# recordings = "~/recordings"

# Pronunciations.
# [lexicon]
# Kubernetes = "koo ber nettees"

# A server: `voicecli say --profile kokoro "Hello."`
# [profiles.kokoro]
# base_url = "http://localhost:8880/v1"
# api_key_env = "KOKORO_KEY"
# model = "kokoro"
# voice = "af_bella"
# format = "opus"
# speed = 1.0
# instructions = "Speak calmly."
# extra = { stream = true }
# headers = { X-Team = "$TEAM" }
# allow_redirects_to = ["https://other.example.org"]
# max_input_chars = 4096
# protocol = "speech"
# cache = true
# fallback = ["builtin"]
"""
