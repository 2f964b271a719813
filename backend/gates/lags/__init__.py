"""How long after a change of the roster gates have it, for operators."""
