"""Naming many workers at once."""
