"""The second factor of staff: one-time codes by time (RFC 6238), recovery codes, and what they open for a while."""
