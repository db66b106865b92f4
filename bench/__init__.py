"""Benchmarks: the platform beside what somebody would write by hand."""
