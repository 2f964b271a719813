"""How gates are doing: what each last said of itself, and what the server sees of it."""
