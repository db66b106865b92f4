"""Benchmark of the identity graph: our contraction beside scipy and the neighbours' methods."""
