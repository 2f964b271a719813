"""Sending companies what happened, signed, to addresses that they name (Standard Webhooks)."""
