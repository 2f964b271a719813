"""How long everything is kept: one table of rules, what enforces it, and where everybody can read it."""
