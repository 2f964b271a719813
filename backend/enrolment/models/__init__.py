"""A community's change from one model pack to another."""
