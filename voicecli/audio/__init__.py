"""Samples: what they are, how they are converted, and where speech begins in them."""
