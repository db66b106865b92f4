"""Benchmark of audiences: all compiled together beside one hand-written query each."""
