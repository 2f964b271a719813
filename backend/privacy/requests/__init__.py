"""What people ask about their data: a copy, a correction, a restriction, an objection, erasure."""
