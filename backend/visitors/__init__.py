"""Guests: a resident invites for one window, the guest accepts for himself, and the pass ends by itself."""
