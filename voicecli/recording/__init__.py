"""Recordings: ``--save FILE`` and the folder of ``--debug-audio``."""
