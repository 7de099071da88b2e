"""Helpers of the tests, of the fuzzers and of the benchmarks."""
