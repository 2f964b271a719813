"""At the desk: the account of a member who lost his number, or did not use it for long."""
