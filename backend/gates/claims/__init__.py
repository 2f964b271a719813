"""Claim codes: what a gate shows once to be let into its community."""
