"""How many requests a client may make, counted together by all processes."""
