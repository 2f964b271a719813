"""Who logs in: accounts by phone number, one-time codes, sessions, and the staff with their roles."""
