"""One-time codes: asked for by a number, and given to prove it."""
