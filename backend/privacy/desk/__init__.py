"""Taking a consent back at the desk: for people who have no account to do it with."""
