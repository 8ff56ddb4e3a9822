"""Sinks that play samples, and the policy that decides when sound starts."""
