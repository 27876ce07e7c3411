"""Knows nothing; makes the benchmarks one package, so that they share their helpers."""
