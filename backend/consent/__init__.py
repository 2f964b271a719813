"""Consent: the texts by purpose, version and language, and who agreed to which, and when he took it back."""
