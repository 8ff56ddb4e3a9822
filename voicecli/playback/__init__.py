"""Sinks that make sound of samples, and the policy that decides when sound starts."""
