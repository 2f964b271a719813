"""A guest or courier takes back his yes: what he could do ends, and what was kept of him for it goes."""
