"""Where audio bytes come from; see `voicecli.sources.base`."""
