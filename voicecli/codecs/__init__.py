"""Bytes to samples and samples to bytes; pure, see `voicecli.codecs.base`."""
