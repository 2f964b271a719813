"""Doors and door groups, when they open to whom, emergencies, and the plan in which gates are told of it."""
