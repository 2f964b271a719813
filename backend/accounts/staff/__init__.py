"""Who works for an authority, with which roles, and what that lets him do."""
