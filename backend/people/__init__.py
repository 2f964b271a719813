"""Natural persons, and the pseudonym each has in a community."""
