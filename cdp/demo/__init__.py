"""A small store to try everything on."""
