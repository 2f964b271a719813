"""The plan: all that is said of a community's doors, expanded for its gates and published."""
