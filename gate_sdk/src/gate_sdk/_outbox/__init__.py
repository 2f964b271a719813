"""Events on their way to the server: on the disk before a decision is returned, gone only after a receipt."""
