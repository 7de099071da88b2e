"""Programs of the project that are no tests: the demo server, comparisons, sanitizers."""
