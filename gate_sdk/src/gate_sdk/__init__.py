"""Doorward's gate SDK."""
