"""Shifts: a worker at a community for one window."""
