"""The HTML report of a benchmark, and its figures."""
