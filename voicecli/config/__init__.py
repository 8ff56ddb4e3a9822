"""Settings: the configuration file, its values and the endpoint they select."""
