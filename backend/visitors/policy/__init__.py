"""What a community allows its homes about guests."""
