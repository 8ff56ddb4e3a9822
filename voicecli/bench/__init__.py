"""Measure speech servers, and parts of voicecli: cases, runs, statistics, tables.

Every benchmark is a list of `voicecli.bench.case.Case`, run by
`voicecli.bench.rounds.run_rounds` and reported by `voicecli.bench.report`.
"""
