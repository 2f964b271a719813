"""Many workers or shifts in one request: a line each, answered line by line while the rest is still arriving."""
