"""Forgetting a person: what is left of him when his last role ends, and what another role of his still needs."""
