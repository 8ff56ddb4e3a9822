"""Benchmarks of the parts, by the program itself: cases, runs, statistics, tables.

One frame for all: a benchmark is a list of `voicecli.bench.case.Case`, run by
`voicecli.bench.rounds.run_rounds`, and told by `voicecli.bench.report`.
"""
