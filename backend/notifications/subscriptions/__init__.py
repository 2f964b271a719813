"""Web Push: the browsers that asked for it."""
