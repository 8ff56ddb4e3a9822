"""A simulated network in front of any server: profiles, traffic shaping, an HTTP proxy."""
