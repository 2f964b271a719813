"""Numbers of people whom a community does not admit as anybody's guests."""
