"""Doorward's backend: the API, the worker and the single box."""
