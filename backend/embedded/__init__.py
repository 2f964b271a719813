"""The single box without configuration: a Postgres of its own, objects in a directory, child processes."""
