"""Whether a community keeps pictures of denied approaches, for what and how long. By default it keeps none."""
