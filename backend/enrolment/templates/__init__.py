"""Templates: what is kept of a face, sealed under its person's key."""
