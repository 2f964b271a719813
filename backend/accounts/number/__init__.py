"""Another telephone number for an account: both numbers proven by codes."""
