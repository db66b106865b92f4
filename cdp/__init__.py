"""A customer data platform that lives in the user's own warehouse."""

__version__ = "0.1.0"
