"""The table's rules, by what they are about."""
