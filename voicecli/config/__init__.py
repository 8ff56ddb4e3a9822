"""Settings: the configuration file, its values, and the endpoint they choose."""
