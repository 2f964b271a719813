"""Telling people that whom they expect has come in."""
