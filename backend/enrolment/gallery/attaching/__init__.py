"""People whose face is known being made known to the gates of a community that they have come to."""
