"""Authorities and their communities: the hierarchy under which everything else lives."""
