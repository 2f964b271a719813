"""Asserting many shifts at once."""
