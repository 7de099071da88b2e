"""What several tests, the fuzzers and the benchmarks use: no tests themselves."""
