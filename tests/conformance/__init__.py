"""A conformance suite for parsers of event streams; docs/conformance.md is its page."""
