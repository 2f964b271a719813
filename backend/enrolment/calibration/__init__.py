"""The community's own threshold: its impostor scores, the fit to them, and what staff see and decide of it."""
