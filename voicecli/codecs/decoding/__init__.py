"""Bytes to samples; pure, see `voicecli.codecs.decoding.base`."""
